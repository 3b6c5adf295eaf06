{# Seeds keep their identity and change only rows that differ, with --full-refresh too; the rest of dbt's `seed` is as is. #}

{# Instead of truncating or dropping: the columns that the file has now. #}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {%- set aside = create_seed_aside(model, agate_table) -%}
    {%- do loosen_shape(old_relation, aside) -%}
    {%- if not agate_table.rows -%} {%- do execute_sql("delete from " ~ old_relation) -%} {%- endif -%}
    {{ return('-- ' ~ old_relation ~ ' is kept') }}
{%- endmacro %}

{# A temporary table with the file's columns. #}
{% macro create_seed_aside(model, agate_table) -%}
    {%- set aside = api.Relation.create(schema='pg_temp', identifier=this.identifier, type='table') -%}
    {%- set types = model.config.column_types or {} -%}
    {%- do begin_run() -%}
    {%- do execute_sql("drop table if exists " ~ aside) -%}
    {%- set columns -%}
        {%- for name in agate_table.column_names %}
            {{ adapter.quote_seed_column(name | string, model.config.get('quote_columns')) }} {{ types.get(name, adapter.convert_type(agate_table, loop.index0)) }}
            {{- ',' if not loop.last -}}
        {%- endfor -%}
    {%- endset -%}
    {%- do execute_sql("create temporary table " ~ aside ~ " (" ~ columns ~ ")") -%}
    {{ return(aside) }}
{%- endmacro %}

{% macro postgres__load_csv_rows(model, agate_table) -%}
    {%- set aside = create_seed_aside(model, agate_table) -%}
    {%- set names = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
    {%- set row_of_values -%} ({% for name in agate_table.column_names %}%s{{ ', ' if not loop.last }}{% endfor %}) {%- endset -%}
    {%- for chunk in agate_table.rows | batch(get_batch_size()) -%}
        {%- set bindings = [] -%}
        {%- for row in chunk -%} {%- do bindings.extend(row) -%} {%- endfor -%}
        {%- do adapter.add_query(
            "insert into " ~ aside ~ " (" ~ names ~ ") values " ~ ([row_of_values] * (chunk | length)) | join(', '),
            bindings=bindings, abridge_sql_log=True
        ) -%}
    {%- endfor -%}
    {%- do protect_new(this) -%}
    {%- do record_run(this, replace_rows_without_key(this, aside, shape_of(aside), 'true')) -%}
    {%- do execute_sql("drop table " ~ aside) -%}
    {{ return('-- the rows of the file that differed') }}
{%- endmacro %}
