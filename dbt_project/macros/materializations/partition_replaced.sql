{# A fact whose partitions are replaced: by the touched windows of a feed, or whole and compared.

   config(
       materialized='partition_replaced',
       partition_by={'fields': 'usage_date', 'method': 'range', 'granularity': 'month', 'default_partition': true},
       window={'feed': 'usage_records', 'local_day_start': 'day_start_at'},   or 'utc_time': 'usage_hour_at'; or window='whole'
   )

   `window` names the feed whose entry of var `windows` is followed, and the column that places a row in it (windows.sql);
   the partition's column lies within two days of it. The query selects the window's rows only. With 'whole' the query
   selects all rows, and only partitions in which rows differ are touched (told by the model's key, see table_key).

   What changes under a quarter of a partition's rows is replaced inside it, in one transaction. More is built aside and
   swapped, one short transaction per partition (see partitions.sql); if somebody's query leaves no room for that in 20
   tries, it is replaced inside after all. Every replacement is a row of quality.partition_replacements. The table keeps
   its identity; its DEFAULT partition stays empty. A new column is empty outside the windows until a --full-refresh. #}
{% materialization partition_replaced, adapter='postgres' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set partitioning = partitioning_of_model() -%}
    {%- set window = window_of_model(partitioning) -%}
    {%- set key = table_key() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do lock_model(target) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set kind = kind_of(target) -%}
    {%- do refuse_other_kind(target, kind, ['p']) -%}
    {%- do refuse_part_of_a_whole(target, window, kind is none) -%}
    {%- do create_replacement_log() -%}
    {%- set newest, open_from = newest_changes(), settled_before(kind) -%}
    {%- set aside = create_aside(target, sql) -%}
    {%- set columns = shape_of(aside) -%}
    {%- do partitioning.update({'type': (columns | selectattr('name', 'equalto', partitioning.column) | first).type}) -%}
    {%- if kind is none -%} 
        {%- do create_partitioned(target, aside, partitioning) -%}
        {%- do protect_new(target) -%}
    {%- else -%}
        {%- do refuse_rows_in_default(target) -%}
        {%- do loosen_shape(target, aside) -%}
        {%- do sync_indexes(target) -%}
    {%- endif -%}

    {%- set counts = {'changed': 0} -%}
    {%- if not flags.EMPTY and not window.is_empty -%}
        {%- do fill_aside(aside, open_rows_of(sql, open_from), columns) -%}
        {%- if kind is none or not window.is_whole -%} {%- do record_change(window.effect_from) -%} {%- endif -%}
        {%- if kind is none -%} {%- do fill_new(target, aside, columns, partitioning, counts) -%}
        {%- elif window.is_whole -%} {%- do replace_what_differs(target, aside, columns, key, partitioning, is_open('old', open_from), counts) -%}
        {%- else -%} {%- do replace_window(target, aside, columns, window, partitioning, counts) -%}
        {%- endif -%}
    {%- endif -%}
    {%- do remember_build(newest, open_from) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do finish_table(target, aside, counts.changed, kind is none) -%}
    {%- do execute_sql("drop table if exists " ~ aside ~ ", pg_temp.differences") -%}
    {%- do unlock_model(target) -%}
    {%- do adapter.commit() -%}

    {%- call noop_statement('main', 'CHANGED ' ~ counts.changed, 'CHANGED', counts.changed) -%} {{ sql }} {%- endcall -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# The config's partition_by, judged. #}
{% macro partitioning_of_model() -%}
    {%- set given = config.get('partition_by') or {} -%}
    {%- if given.fields is not string or given.method != 'range' or given.granularity not in ('month', 'day') -%}
        {{ exceptions.raise_compiler_error(
            model.name ~ ": partition_by is " ~ given ~ "; expected {fields: <column>, method: range, granularity: month or"
            ~ " day, default_partition: true or false}"
        ) }}
    {%- endif -%}
    {{ return({
        'column': given.fields, 'granularity': given.granularity, 'has_default': given.default_partition or false
    }) }}
{%- endmacro %}

{# The config's window: whether it is everything, and which rows of the table (`old`) it means. #}
{% macro window_of_model(partitioning) -%}
    {%- set given = config.get('window') -%}
    {%- if given == 'whole' -%}
        {{ return({
            'is_whole': true, 'is_all': true, 'is_empty': false, 'condition': 'true', 'effect_from': "'-infinity'"
        }) }}
    {%- endif -%}
    {%- if given is not mapping or not given.feed or not (given.local_day_start or given.utc_time) -%}
        {{ exceptions.raise_compiler_error(
            model.name ~ " has no window: expected config window 'whole', or {feed: <feed>, local_day_start: <column>} or"
            ~ " {feed: <feed>, utc_time: <column>}; found " ~ given
        ) }}
    {%- endif -%}
    {%- set windows = windows_of(given.feed) -%}
    {{ return({
        'is_whole': false, 'is_all': windows == 'all', 'is_empty': not windows, 'feed': given.feed,
        'condition': rows_of_window(given, windows, partitioning.column),
        'effect_from': "'-infinity'" if windows == 'all' or not windows else "'" ~ (windows | map('first') | min) ~ "'::date - 1"
    }) }}
{%- endmacro %}

{# SQL: which rows of the table (`old`) a window means, said in a way that lets PostgreSQL pass over whole partitions. #}
{% macro rows_of_window(given, windows, partition_column) -%}
    {%- if windows == 'all' -%} {{ return('true') }} {%- endif -%}
    {%- set touched -%}
        {%- if given.local_day_start -%} {{ local_day_is_touched(given.feed, 'old.' ~ given.local_day_start) }}
        {%- else -%} {{ utc_day_is_touched(given.feed, 'old.' ~ given.utc_time) }}
        {%- endif -%}
    {%- endset -%}
    {%- set near -%}
        {%- for from_day, to_day in windows %}
        {{ 'or ' if not loop.first }}(old.{{ partition_column }} >= '{{ from_day }}'::date - 2 and old.{{ partition_column }} < '{{ to_day }}'::date + 2)
        {%- endfor -%}
    {%- endset -%}
    {{ return("((" ~ (near or 'true') ~ ") and " ~ touched ~ ")") }}
{%- endmacro %}

{# A first build and a full refresh need all rows. #}
{% macro refuse_part_of_a_whole(target, window, is_new) -%}
    {%- if (is_new or should_full_refresh()) and not window.is_all and not flags.EMPTY -%}
        {{ exceptions.raise_compiler_error(
            target ~ " is built whole, so it needs the window \"all\" of " ~ window.feed ~ "; found " ~ windows_of(window.feed)
        ) }}
    {%- endif -%}
{%- endmacro %}

{# The rows of a table that is new, in partitions that nobody reads yet. #}
{% macro fill_new(target, aside, columns, partitioning, counts) -%}
    {%- set found = query_rows(
        "select " ~ part_columns(partitioning) ~ ", rows from (select " ~ part_start('new', partitioning)
        ~ " as part, count(*) as rows from " ~ aside ~ " as new group by 1) as parts order by 1"
    ) -%}
    {%- for part in parts_of(target, found, partitioning) -%}
        {%- do execute_sql("create table " ~ part.leaf ~ " partition of " ~ target ~ " " ~ part.bounds) -%}
        {%- do record_replacement(target, part.leaf, 'created', 0, 0, part.rows) -%}
        {%- do counts.update({'changed': counts.changed + part.rows}) -%}
    {%- endfor -%}
    {%- do execute_sql(
        "insert into " ~ target ~ " (" ~ column_list(columns) ~ ") select " ~ column_list(columns) ~ " from " ~ aside
    ) -%}
{%- endmacro %}

{# The window's rows, partition by partition. #}
{% macro replace_window(target, aside, columns, window, partitioning, counts) -%}
    {%- set found = query_rows(
        "select " ~ part_columns(partitioning) ~ ", sum(outgoing)::bigint as outgoing, sum(incoming)::bigint as incoming from ("
        ~ "select " ~ part_start('new', partitioning) ~ " as part, 0 as outgoing, count(*) as incoming from " ~ aside
        ~ " as new group by 1 union all select " ~ part_start('old', partitioning) ~ ", count(*), 0 from " ~ target
        ~ " as old where " ~ window.condition ~ " group by 1) as parts group by part order by 1"
    ) -%}
    {%- for part in parts_of(target, found, partitioning) -%}
        {%- set rows = rows_of(part.leaf) if part.is_there else 0 -%}
        {%- set tries = 0 -%}
        {%- if [part.outgoing, part.incoming] | max * 4 >= rows or not part.is_there -%}
            {%- set tries = swap_partition(target, aside, columns, part, window.condition) -%}
        {%- endif -%}
        {%- if tries == 0 and part.is_there -%}
            {%- set is_second_way = [part.outgoing, part.incoming] | max * 4 >= rows -%}
            {%- do execute_sql("delete from " ~ part.leaf ~ " as old where " ~ window.condition) -%}
            {%- do execute_sql(
                "insert into " ~ part.leaf ~ " (" ~ column_list(columns) ~ ") select " ~ column_list(columns) ~ " from "
                ~ aside ~ " as new where " ~ part.holds_new
            ) -%}
            {%- do record_replacement(
                target, part.leaf, 'inside after tries' if is_second_way else 'inside', swap_tries() if is_second_way else 0,
                part.outgoing, part.incoming
            ) -%}
            {%- do commit_transaction() -%}
        {%- endif -%}
        {%- do counts.update({'changed': counts.changed + [part.outgoing, part.incoming] | max}) -%}
    {%- endfor -%}
{%- endmacro %}

{# All rows, of which only those that differ are changed: partitions with many by a swap, the others in one transaction. #}
{% macro replace_what_differs(target, aside, columns, key, partitioning, condition, counts) -%}
    {%- if not key -%}
        {{ exceptions.raise_compiler_error(model.name ~ ": window 'whole' needs a key (unique_key, or a primary_key test)") }}
    {%- endif -%}
    {%- do find_differences(target, aside, columns, key, condition, partitioning) -%}
    {%- set found = query_rows(
        "select " ~ part_columns(partitioning) ~ ", count(old_row) as outgoing, count(new_row) as incoming"
        ~ " from pg_temp.differences group by part order by part"
    ) -%}
    {%- set inside = [] -%}
    {%- for part in parts_of(target, found, partitioning) -%}
        {%- set is_large = not part.is_there or [part.outgoing, part.incoming] | max * 4 >= rows_of(part.leaf) -%}
        {%- if not is_large or swap_partition(target, aside, columns, part, condition) == 0 -%}
            {%- do inside.append([part, is_large]) -%}
        {%- else -%}
            {%- do execute_sql("delete from pg_temp.differences where part = '" ~ part.first_day ~ "'") -%}
        {%- endif -%}
        {%- do counts.update({'changed': counts.changed + [part.outgoing, part.incoming] | max}) -%}
    {%- endfor -%}
    {%- if inside -%}
        {%- do apply_differences(target, aside, columns, key) -%}
        {%- for part, is_second_way in inside -%}
            {%- do record_replacement(
                target, part.leaf, 'inside after tries' if is_second_way else 'inside', swap_tries() if is_second_way else 0,
                part.outgoing, part.incoming
            ) -%}
        {%- endfor -%}
        {%- do commit_transaction() -%}
    {%- endif -%}
{%- endmacro %}
