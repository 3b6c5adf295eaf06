{# dbt's `view`, but it keeps its identity (dbt's own is new at each build, and takes what stands on it along), and reads
   with the rights of whoever asks. Nothing is done where definition and rights are as they were. #}
{% materialization view, adapter='postgres' %}
    {%- set target = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do lock_model(target) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set kind = kind_of(target) -%}
    {%- do refuse_other_kind(target, kind, ['v']) -%}
    {%- if config.get('contract').enforced -%} {%- do get_assert_columns_equivalent(sql) -%} {%- endif -%}
    {%- set aside = api.Relation.create(schema='pg_temp', identifier=target.identifier, type='view') -%}
    {%- set query = view_query(target, aside, sql, kind is not none) -%}
    {%- set create = "create or replace view " ~ target ~ " with (security_invoker = true) as " ~ query -%}
    {%- if kind is none -%}
        {%- do execute_sql(create) -%}
        {%- do protect_new(target) -%}
    {%- elif not flags.EMPTY and not is_same_view(target, aside) -%}
        {%- set difference = shape_difference(shape_of(target), shape_of(aside)) -%}
        {%- if difference.gone or difference.retyped -%}
            {%- do replace_view_with_dependents(target, difference, create) -%}
        {%- else -%}
            {%- do short_transaction([create]) -%}
        {%- endif -%}
    {%- endif -%}
    {%- do execute_sql("drop view if exists " ~ aside) -%}
    {%- if kind is not none -%} {%- do protect(target) -%} {%- endif -%}
    {%- do apply_grants(target, config.get('grants'), should_revoke=kind is not none) -%}
    {%- do persist_docs(target, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do unlock_model(target) -%}
    {%- do adapter.commit() -%}

    {%- call noop_statement('main', 'CREATE VIEW', 'CREATE VIEW', 0) -%} {{ create }} {%- endcall -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# The model's query, made as a temporary view too. A replaced view must list its old columns first, in their order: where
   the model has put a new one between them, the query is wrapped. #}
{% macro view_query(target, aside, sql, is_there) -%}
    {%- do execute_sql("drop view if exists " ~ aside) -%}
    {%- do execute_sql("create temporary view " ~ aside ~ " as " ~ sql) -%}
    {%- if not is_there -%} {{ return(sql) }} {%- endif -%}
    {%- set old, new = shape_of(target), shape_of(aside) -%}
    {%- set difference = shape_difference(old, new) -%}
    {%- set is_prefix = (new | map(attribute='name') | list)[:old | length] == old | map(attribute='name') | list -%}
    {%- if is_prefix or difference.gone or difference.retyped -%} {{ return(sql) }} {%- endif -%}
    {%- set wrapped -%} select {{ column_list(old + difference.added) }} from ({{ sql }}
) as model_rows {%- endset -%}
    {%- do execute_sql("drop view " ~ aside) -%}
    {%- do execute_sql("create temporary view " ~ aside ~ " as " ~ wrapped) -%}
    {{ return(wrapped) }}
{%- endmacro %}

{% macro is_same_view(target, aside) -%}
    {{ return(query_value(
        "select pg_get_viewdef(" ~ regclass(target) ~ ") = pg_get_viewdef(" ~ regclass(aside)
        ~ ") and coalesce(reloptions @> array['security_invoker=true'], false) from pg_class where oid = " ~ regclass(target)
    )) }}
{%- endmacro %}
