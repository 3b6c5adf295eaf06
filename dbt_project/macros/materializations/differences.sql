{# Which rows differ between a table and the rows that are built aside, and changing only those. Not here: from when a
   change matters (settled.sql); how a partition is swapped (partitions.sql). #}

{# Makes the rows of `target` those of `aside`, in the open transaction; returns how many were touched. `condition` limits
   it to a part of the target (as `old`); `aside` then holds that part only. #}
{% macro replace_rows(target, aside, columns, key, condition) -%}
    {%- if not key -%}
        {%- set changed = replace_rows_without_key(target, aside, columns, condition) -%}
        {%- if changed -%} {%- do record_change("'-infinity'") -%} {%- endif -%}
        {{ return(changed) }}
    {%- endif -%}
    {{ return(apply_differences(target, aside, columns, key) if find_differences(target, aside, columns, key, condition) else 0) }}
{%- endmacro %}

{# Finds the rows that differ, by their place in `target` and in `aside` (nobody moves them in this transaction: the model is
   locked), and writes down from when they matter; returns how many. One pass over both. With `partitioning` a row that
   moves to another partition is one that goes there and one that comes here. #}
{% macro find_differences(target, aside, columns, key, condition, partitioning=none) -%}
    {%- set old_part = part_start('old', partitioning) if partitioning else 'null::date' -%}
    {%- set new_part = part_start('new', partitioning) if partitioning else 'null::date' -%}
    {%- do execute_sql("drop table if exists pg_temp.differences") -%}
    {%- do execute_sql(
        "create temporary table differences as select place.part,"
        ~ " case when place.part is not distinct from " ~ old_part ~ " then old.table_place end as old_table,"
        ~ " case when place.part is not distinct from " ~ old_part ~ " then old.row_place end as old_row,"
        ~ " case when place.part is not distinct from " ~ new_part ~ " then new.row_place end as new_row, "
        ~ effect_of_change(columns, key) ~ " as effect_from"
        ~ " from (select *, tableoid as table_place, ctid as row_place from " ~ target ~ " as old where " ~ condition ~ ") as old"
        ~ " full join (select *, ctid as row_place from " ~ aside ~ ") as new on" ~ same_key(key)
        ~ " cross join lateral (select " ~ old_part ~ " as part where old.row_place is not null union select " ~ new_part
        ~ " where new.row_place is not null) as place where old.row_place is null or new.row_place is null"
        ~ " or row(" ~ column_list(columns, 'old.') ~ ")::record *<> row(" ~ column_list(columns, 'new.') ~ ")::record"
    ) -%}
    {%- set found = query_rows("select count(*), min(effect_from)::text from pg_temp.differences")[0] -%}
    {%- if found[0] -%} {%- do record_change("coalesce(" ~ literal(found[1]) ~ ", '-infinity')::timestamptz") -%} {%- endif -%}
    {{ return(found[0]) }}
{%- endmacro %}

{# Applies what find_differences found; returns how many rows. #}
{% macro apply_differences(target, aside, columns, key) -%}
    {%- do execute_sql("analyze pg_temp.differences") -%}
    {%- set is_there = "old.tableoid = differing.old_table and old.ctid = differing.old_row" -%}
    {%- set deleted = execute_sql(
        "delete from " ~ target ~ " as old using pg_temp.differences as differing where " ~ is_there
        ~ " and differing.new_row is null"
    ) -%}
    {%- set others = columns | rejectattr('name', 'in', key) | list -%}
    {%- set assignments -%}
        {%- for column in others %} {{ column.quoted }} = new.{{ column.quoted }}{{ ',' if not loop.last }}{% endfor -%}
    {%- endset -%}
    {%- set updated = execute_sql(
        "update " ~ target ~ " as old set" ~ assignments ~ " from " ~ aside ~ " as new, pg_temp.differences as differing where "
        ~ is_there ~ " and new.ctid = differing.new_row"
    ) if others else 0 -%}
    {%- set inserted = execute_sql(
        "insert into " ~ target ~ " (" ~ column_list(columns) ~ ") select " ~ column_list(columns, 'new.') ~ " from " ~ aside
        ~ " as new inner join pg_temp.differences as differing on new.ctid = differing.new_row where differing.old_row is null"
    ) -%}
    {%- set expected = query_value("select count(*) from pg_temp.differences") -%}
    {%- if deleted + updated + inserted != expected -%}
        {{ exceptions.raise_compiler_error(
            target ~ ": " ~ expected ~ " rows differed, but " ~ deleted ~ " were deleted, " ~ updated ~ " updated and "
            ~ inserted ~ " inserted: somebody else wrote to it meanwhile. None of them was changed; run it again."
        ) }}
    {%- endif -%}
    {{ return(expected) }}
{%- endmacro %}

{% macro same_key(key) -%}
    {%- for name in key %} new.{{ name }} = old.{{ name }}{{ ' and' if not loop.last }}{% endfor -%}
{%- endmacro %}

{# The rows of a table without key are compared whole: a row is as often there as in `aside`. #}
{% macro replace_rows_without_key(target, aside, columns, condition) -%}
    {%- set numbered -%}
        row({{ column_list(columns) }})::text as content,
        row_number() over (partition by row({{ column_list(columns) }})::text) as copy
    {%- endset -%}
    {%- set deleted = execute_sql(
        "delete from " ~ target ~ " where (tableoid, ctid) in (select tableoid, ctid from (select tableoid, ctid, " ~ numbered
        ~ " from " ~ target ~ " as old where " ~ condition ~ ") as old where not exists (select 1 from (select " ~ numbered
        ~ " from " ~ aside ~ ") as new where new.content = old.content and new.copy = old.copy))"
    ) -%}
    {%- set inserted = execute_sql(
        "insert into " ~ target ~ " (" ~ column_list(columns) ~ ") select " ~ column_list(columns) ~ " from (select *, "
        ~ numbered ~ " from " ~ aside ~ ") as new where not exists (select 1 from (select " ~ numbered ~ " from " ~ target
        ~ " as old where " ~ condition ~ ") as old where new.content = old.content and new.copy = old.copy)"
    ) -%}
    {{ return(deleted + inserted) }}
{%- endmacro %}
