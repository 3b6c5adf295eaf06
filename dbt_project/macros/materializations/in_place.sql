{# A table that keeps its identity: grants, policies, comments and the views of analysts stay as they are.

   The rows are built aside, in a temporary table made from the contract, and only the differences are applied, in one
   transaction: readers see the old rows or the new ones. A row is told by the model's key (see table_key); a table
   without key is compared as a whole row. Equal rows are not touched, equal to the digit (1.0 is not 1.00). A column
   that is new is added in place, empty until the rows follow. --full-refresh does the same; --empty changes no row.
   config(filing_dates_of='as_of_date'): the query gives the dates that filings are made for, and other rows stay. #}
{% materialization in_place, adapter='postgres' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set key = table_key() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do lock_model(target) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set kind = kind_of(target) -%}
    {%- do refuse_other_kind(target, kind, ['r']) -%}
    {%- set newest, open_from = newest_changes(), settled_before(kind) -%}
    {%- set aside = create_aside(target, sql) -%}
    {%- set columns = shape_of(aside) -%}
    {%- set query = 'select * from (' ~ sql ~ '\n) as none_of_them where false' if flags.EMPTY else open_rows_of(sql, open_from) -%}
    {%- do fill_aside(aside, query, columns, key) -%}
    {%- if kind is none -%}
        {%- do execute_sql("create table " ~ target ~ " (like " ~ aside ~ " including all excluding indexes)") -%}
        {%- do protect_new(target) -%}
    {%- endif -%}
    {%- if kind is not none -%} {%- do loosen_shape(target, aside) -%} {%- endif -%}
    {%- set changed = 0 if flags.EMPTY else replace_rows(target, aside, columns, key, is_open('old', open_from)) -%}
    {%- do record_run(target, changed) -%}
    {%- do remember_build(newest, open_from) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do finish_table(target, aside, changed, kind is none) -%}
    {%- do execute_sql("drop table if exists " ~ aside ~ ", pg_temp.differences") -%}
    {%- do unlock_model(target) -%}
    {%- do adapter.commit() -%}

    {%- call noop_statement('main', 'CHANGED ' ~ changed, 'CHANGED', changed) -%} {{ sql }} {%- endcall -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# Constraints, indexes, comments, grants and statistics, once the rows are there. #}
{% macro finish_table(target, aside, changed, is_new) -%}
    {%- if not is_new -%} {%- do commit_transaction() -%} {%- endif -%}
    {%- do tighten_shape(target, aside) -%}
    {%- do sync_indexes(target) -%}
    {%- do protect(target) -%}
    {%- do apply_grants(target, config.get('grants'), should_revoke=not is_new) -%}
    {%- do persist_docs(target, model) -%}
    {%- do commit_transaction() -%}
    {%- if kind_of(target) == 'p' -%}
        {%- do analyze_partitioned(target, is_new) -%}
    {%- elif changed -%}
        {%- set rows = query_value("select greatest(reltuples, 0)::bigint from pg_class where oid = " ~ regclass(target)) -%}
        {%- if changed * 10 > rows -%} {%- do refresh_statistics(target, is_new) -%} {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# Of a table that was there a sample of 9,000 rows tells enough of what moved since; 30,000, as of a new one, take four
   times as long, while whoever stands on it waits. #}
{% macro refresh_statistics(target, is_new) -%}
    {%- do execute_sql(("" if is_new else "set local default_statistics_target = 30; ") ~ "analyze " ~ target) -%}
{%- endmacro %}

{# A relation of another kind is in the way of the model: it is dropped only where nothing depends on it. #}
{% macro refuse_other_kind(target, kind, expected) -%}
    {%- if kind is not none and kind not in expected -%}
        {%- set found = dependents_of(target) -%}
        {%- if found -%}
            {{ exceptions.raise_compiler_error(
                target ~ " is of another kind (" ~ kind ~ ") and cannot be replaced in place; these depend on it: "
                ~ found | join(', ') ~ ". Drop or move them first."
            ) }}
        {%- endif -%}
        {{ exceptions.raise_compiler_error(
            target ~ " is of another kind (" ~ kind ~ ") and cannot be replaced in place; nothing depends on it: drop it first."
        ) }}
    {%- endif -%}
{%- endmacro %}
