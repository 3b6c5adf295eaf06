{# Indexes as a model's config lists them, each with a name that follows from its definition. #}

{# An entry of `indexes`: {'columns': […]} as dbt has it, or {'expression': "to_tsvector('simple', name)"}; with `type`
   (btree, gin, gist, brin), `unique`, `where` and, for an expression, `opclass`. #}
{% macro index_definition(index) -%}
    using {{ index.type or 'btree' }} (
    {%- if index.expression -%} ({{ index.expression }}){{ ' ' ~ index.opclass if index.opclass }}
    {%- else -%} {{ index.columns | join(', ') }}
    {%- endif -%}
    ){{ ' where ' ~ index.where if index.where }}
{%- endmacro %}

{% macro index_name(relation, index) -%}
    {{ relation.identifier[:53] }}__{{ local_md5((index.unique or false) ~ index_definition(index))[:8] }}
{%- endmacro %}

{% macro postgres__get_create_index_sql(relation, index_dict) -%}
    create {{ 'unique ' if index_dict.unique }}index if not exists {{ adapter.quote(index_name(relation, index_dict)) }}
    on {{ relation }} {{ index_definition(index_dict) }}
{%- endmacro %}

{# Creates what is missing (readers pass meanwhile) and drops what the config no longer lists: indexes under our names, or
   under dbt's (32 hexadecimal digits). One that was made by hand under another name stays. #}
{% macro sync_indexes(relation) -%}
    {%- set wanted = {} -%}
    {%- for index in config.get('indexes', default=[]) -%}
        {%- do wanted.update({index_name(relation, index): get_create_index_sql(relation, index)}) -%}
    {%- endfor -%}
    {%- set present = query_rows(
        "select relname from pg_index join pg_class on pg_class.oid = indexrelid where indrelid = " ~ regclass(relation)
        ~ " and not exists (select 1 from pg_constraint where conindid = indexrelid)"
    ) | map(attribute=0) | list -%}
    {%- for name, statement in wanted.items() if name not in present -%} {%- do execute_sql(statement) -%} {%- endfor -%}
    {%- set gone = [] -%}
    {%- for name in present if name not in wanted and modules.re.fullmatch('.*__[0-9a-f]{8}|[0-9a-f]{32}', name) -%}
        {%- do gone.append("drop index " ~ adapter.quote(relation.schema) ~ "." ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- if gone -%} {%- do short_transaction(gone, [relation]) -%} {%- endif -%}
{%- endmacro %}
