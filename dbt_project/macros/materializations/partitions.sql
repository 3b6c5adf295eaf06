{# The partitions of a partitioned table: their names and bounds, building one aside, the swap, and the record of it. #}

{# How often a swap is tried before the rows are replaced inside the partition. #}
{% macro swap_tries() -%} {{ return(20) }} {%- endmacro %}

{# SQL: the first day of the partition that a row belongs to; days and months are those of UTC. #}
{% macro part_start(alias, partitioning) -%}
    {%- set column = alias ~ '.' ~ partitioning.column -%}
    date_trunc('{{ partitioning.granularity }}', {{ column ~ " at time zone 'UTC'" if partitioning.type == 'timestamp with time zone' else column }})::date
{%- endmacro %}

{# SQL: a partition's first day, the day after its last, and the end of its name, from `part`. #}
{% macro part_columns(partitioning) -%}
    part::text as first_day, (part + interval '1 {{ partitioning.granularity }}')::date::text as end_day,
    to_char(part, '{{ 'YYYY_MM' if partitioning.granularity == 'month' else 'YYYY_MM_DD' }}') as suffix
{%- endmacro %}

{# Rows of a query over part_columns as partitions: where they are, whether they are there, which rows they hold. #}
{% macro parts_of(target, rows, partitioning) -%}
    {%- set parts = [] -%}
    {%- set zone = ' 00:00+00' if partitioning.type == 'timestamp with time zone' else '' -%}
    {%- for row in rows -%}
        {%- if row.first_day is none -%}
            {{ exceptions.raise_compiler_error(target ~ ": rows without " ~ partitioning.column ~ " belong to no partition") }}
        {%- endif -%}
        {%- set leaf = api.Relation.create(schema=target.schema, identifier=target.identifier ~ '_' ~ row.suffix) -%}
        {%- set first, end = "'" ~ row.first_day ~ zone ~ "'", "'" ~ row.end_day ~ zone ~ "'" -%}
        {%- set column = partitioning.column -%}
        {%- set part = {
            'first_day': row.first_day, 'leaf': leaf, 'is_there': kind_of(leaf) is not none,
            'bounds': "for values from (" ~ first ~ ") to (" ~ end ~ ")",
            'check': column ~ " is not null and " ~ column ~ " >= " ~ first ~ "::" ~ partitioning.type ~ " and " ~ column ~ " < "
                ~ end ~ "::" ~ partitioning.type,
            'holds_new': "new." ~ column ~ " >= " ~ first ~ "::" ~ partitioning.type ~ " and new." ~ column ~ " < " ~ end
                ~ "::" ~ partitioning.type
        } -%}
        {%- for name in ('rows', 'outgoing', 'incoming') if name in row.keys() -%}
            {%- do part.update({name: row[name] | int}) -%}
        {%- endfor -%}
        {%- do parts.append(part) -%}
    {%- endfor -%}
    {{ return(parts) }}
{%- endmacro %}

{# A partitioned table with the shape of `aside`, its DEFAULT partition and its indexes' definitions to come. #}
{% macro create_partitioned(target, aside, partitioning) -%}
    {%- do execute_sql(
        "create table " ~ target ~ " (like " ~ aside ~ " including all excluding indexes) partition by range ("
        ~ partitioning.column ~ ")"
    ) -%}
    {%- if partitioning.has_default -%}
        {%- do execute_sql("create table " ~ default_partition(target) ~ " partition of " ~ target ~ " default") -%}
    {%- endif -%}
{%- endmacro %}

{% macro default_partition(target) -%}
    {{ return(api.Relation.create(schema=target.schema, identifier=target.identifier ~ '_default')) }}
{%- endmacro %}

{# Rows in the DEFAULT partition would stop the next partition from being attached, and slow every swap. #}
{% macro refuse_rows_in_default(target) -%}
    {%- set rest = default_partition(target) -%}
    {%- if kind_of(rest) is not none and query_value("select exists (select 1 from " ~ rest ~ ")") -%}
        {{ exceptions.raise_compiler_error(
            rest ~ " holds rows, which nothing here writes: take them out, then rebuild with the window \"all\""
        ) }}
    {%- endif -%}
{%- endmacro %}

{# How many rows a table has: counted, or as its statistics say where it is large. #}
{% macro rows_of(relation) -%}
    {%- set estimate = query_value("select reltuples::bigint from pg_class where oid = " ~ regclass(relation)) -%}
    {{ return(estimate if estimate >= 100000 else query_value("select count(*) from " ~ relation)) }}
{%- endmacro %}

{# Builds a partition anew beside the old one: the old rows outside the window and the new ones, with the table's
   indexes, a CHECK that spares ATTACH the scan, and statistics; then swaps it in. Returns the number of tries, 0 if there
   was no room for it. A partition that is not there yet has no second way: it is tried for longer, then is an error. #}
{% macro swap_partition(target, aside, columns, part, condition) -%}
    {%- set fresh = api.Relation.create(schema=target.schema, identifier=part.leaf.identifier ~ '_new') -%}
    {%- set names = column_list(columns) -%}
    {%- do execute_sql("drop table if exists " ~ fresh) -%}
    {%- do execute_sql("create table " ~ fresh ~ " (like " ~ target ~ " including all excluding indexes)") -%}
    {%- if part.is_there and condition != 'true' -%}
        {%- do execute_sql(
            "insert into " ~ fresh ~ " (" ~ names ~ ") select " ~ names ~ " from " ~ part.leaf ~ " as old where ("
            ~ condition ~ ") is not true"
        ) -%}
    {%- endif -%}
    {%- do execute_sql(
        "insert into " ~ fresh ~ " (" ~ names ~ ") select " ~ names ~ " from " ~ aside ~ " as new where " ~ part.holds_new
    ) -%}
    {%- for row in query_rows(
        "select regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .* ON (ONLY )?.* USING ', ' INDEX ON " ~ fresh ~ " USING ')"
        ~ " from pg_index where indrelid = " ~ regclass(target)
        ~ " and not exists (select 1 from pg_constraint where conindid = indexrelid)"
    ) -%}
        {%- do execute_sql(row[0]) -%}
    {%- endfor -%}
    {%- for definition, constraint in constraints_of(target).items() if constraint.kind != 'c' -%}
        {%- do execute_sql("alter table " ~ fresh ~ " add " ~ definition) -%}
    {%- endfor -%}
    {%- do execute_sql("alter table " ~ fresh ~ " add constraint partition_bounds check (" ~ part.check ~ ")") -%}
    {%- do execute_sql("analyze " ~ fresh) -%}

    {%- set out = [
        "alter table " ~ target ~ " detach partition " ~ part.leaf, "drop table " ~ part.leaf
    ] if part.is_there else [] -%}
    {%- set tries = short_transaction(
        out + [
            "alter table " ~ fresh ~ " rename to " ~ adapter.quote(part.leaf.identifier),
            "alter table " ~ target ~ " attach partition " ~ part.leaf ~ " " ~ part.bounds,
            "alter table " ~ part.leaf ~ " drop constraint partition_bounds",
        ],
        locks=([part.leaf] if part.is_there else []) + [target],
        tries=swap_tries() if part.is_there else 300,
        is_required=not part.is_there
    ) -%}
    {%- if tries -%}
        {%- do record_replacement(
            target, part.leaf, 'swapped' if part.is_there else 'attached', tries, part.outgoing, part.incoming
        ) -%}
        {%- do commit_transaction() -%}
    {%- else -%}
        {%- do execute_sql("drop table " ~ fresh) -%}
    {%- endif -%}
    {{ return(tries) }}
{%- endmacro %}

{# Where every replacement is recorded; two models may come at once. #}
{% macro create_replacement_log() -%}
    {%- do execute_sql("select pg_advisory_xact_lock(hashtextextended('quality.partition_replacements', 0))") -%}
    {%- do execute_sql("""
        create schema if not exists quality;
        create table if not exists quality.partition_replacements (
            replacement_id bigint generated always as identity primary key,
            replaced_at timestamptz not null default clock_timestamp(),
            table_name text not null,
            partition_name text not null,
            way text not null check (way in ('created', 'attached', 'swapped', 'inside', 'inside after tries')),
            tries integer not null,
            rows_out bigint not null,
            rows_in bigint not null,
            is_analyzed boolean not null default false
        )
    """) -%}
    {%- do commit_transaction() -%}
{%- endmacro %}

{% macro record_replacement(target, leaf, way, tries, rows_out, rows_in) -%}
    {%- do record_run(target, [rows_out, rows_in] | max) -%}
    {%- do execute_sql(
        "insert into quality.partition_replacements (table_name, partition_name, way, tries, rows_out, rows_in) values ("
        ~ [literal(target.include(database=False) | replace('"', '')), literal(leaf.identifier), literal(way), tries, rows_out,
           rows_in] | join(', ') ~ ")"
    ) -%}
{%- endmacro %}

{# Statistics of the whole table, which autovacuum never makes: once a tenth of its rows changed since the last time. #}
{% macro analyze_partitioned(target, is_new) -%}
    {%- set name = literal(target.include(database=False) | replace('"', '')) -%}
    {%- set is_due = query_value(
        "select coalesce(sum(greatest(rows_out, rows_in)), 0) * 10 > (select coalesce(sum(greatest(reltuples, 0)), 0)"
        ~ " from pg_inherits join pg_class on oid = inhrelid where inhparent = " ~ regclass(target) ~ ")"
        ~ " from quality.partition_replacements where not is_analyzed and table_name = " ~ name
    ) -%}
    {%- if is_due -%}
        {%- do refresh_statistics(target, is_new) -%}
        {%- do execute_sql(
            "update quality.partition_replacements set is_analyzed = true where not is_analyzed and table_name = " ~ name
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# dbt test: the DEFAULT partition is empty. #}
{% test default_partition_is_empty(model) %}
select * from {{ model.schema }}.{{ model.identifier }}_default
{% endtest %}
