{# Who may read a relation, and what a run says of its changes: done by functions of schemas access and audit, which
   `orchestration.access` makes. Where they are not there nobody but the owner reads anything. #}

{# dbt keeps what a schema holds, so that this asks the database once. #}
{% macro has_access() -%}
    {{ return(adapter.get_relation(database=target.database, schema='access', identifier='rules') is not none) }}
{%- endmacro %}

{% macro has_audit() -%}
    {{ return(adapter.get_relation(database=target.database, schema='audit', identifier='seals') is not none) }}
{%- endmacro %}

{# The roles let into the schemas, before anything is built in them. #}
{% macro open_schemas() -%}
    {%- if execute and has_access() -%} select access.open_schemas() {%- endif -%}
{%- endmacro %}

{# The columns that hold something of a person, as `meta: {pii: clear}` or `{pii: masked}` says of them. #}
{% macro personal_columns(columns) -%}
    {%- set found = {} -%}
    {%- for column in columns.values() if (column.meta or column.config.meta or {}).pii -%}
        {%- do found.update({column.name: (column.meta or column.config.meta).pii}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# A relation that is new, in the transaction that made it: nobody ever sees it without its rules. #}
{% macro protect_new(relation) -%}
    {%- if has_access() -%}
        {%- do query_rows("select access.tag(" ~ regclass(relation) ~ ", " ~ tags_of_model() ~ ")") -%}
        {%- do query_rows("select * from access.protect(" ~ regclass(relation) ~ ")") -%}
    {%- endif -%}
{%- endmacro %}

{# A relation that was there: policies lock readers out, so they are changed only where they differ, and briefly. #}
{% macro protect(relation) -%}
    {%- if has_access() and query_value("select access.lacks(" ~ regclass(relation) ~ ", " ~ tags_of_model() ~ ")") -%}
        {%- do short_transaction(
            ["perform access.protect(" ~ regclass(relation) ~ ")"], [] if kind_of(relation) == 'v' else [relation]
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro tags_of_model() -%} {{ return(literal(tojson(personal_columns(model.columns)))) }} {%- endmacro %}

{# The run that the session works for: with it, changes are the run's and not somebody's by hand. #}
{% macro run_id() -%} {{ return(var('run_id', '') or invocation_id) }} {%- endmacro %}

{% macro begin_run() -%}
    {%- do query_rows("select set_config('warehouse.run_id', " ~ literal(run_id()) ~ ", false)") -%}
{%- endmacro %}

{# One entry of the audit log for what a run changed, in the transaction that changed it. #}
{% macro record_run(relation, rows_changed) -%}
    {%- if rows_changed and has_audit() -%}
        {%- do query_rows(
            "select audit.record_run(" ~ [literal(run_id()), literal(relation.schema ~ '.' ~ relation.identifier), rows_changed]
            | join(', ') ~ ")"
        ) -%}
    {%- endif -%}
{%- endmacro %}
