{# The tables of schema analytics are filled by Python and read by dashboards. Before anything is built they are made as
   their contract says (the sources of that name): columns, primary key, comments; a new column is added. #}
{% macro create_analytics_tables() -%}
    {%- if execute -%}
        {%- for source in graph.sources.values() if source.source_name == 'analytics' -%}
            {%- set table = '"' ~ source.schema ~ '"."' ~ source.name ~ '"' -%}
            {%- set found = analytics_columns(source.schema, source.name) -%}
            {%- if not found %}
create schema if not exists {{ source.schema }};
create table if not exists {{ table }} (
                {%- for column in source.columns.values() %}
    {{ column.name }} {{ column.data_type }}{{ ' not null' if column.name in source.meta.primary_key }},
                {%- endfor %}
    primary key ({{ source.meta.primary_key | join(', ') }})
);
                {%- if has_access() %}
select access.protect('{{ table }}');
                {%- endif %}
            {%- endif %}
            {%- for column in source.columns.values() if found and column.name not in found %}
alter table {{ table }} add column if not exists {{ column.name }} {{ column.data_type }};
            {%- endfor %}
            {%- if found.get('') != source.description %}
comment on table {{ table }} is {{ dbt.string_literal(dbt.escape_single_quotes(source.description)) }};
            {%- endif %}
            {%- for column in source.columns.values() if found.get(column.name) != column.description %}
comment on column {{ table }}.{{ column.name }} is
    {{ dbt.string_literal(dbt.escape_single_quotes(column.description)) }};
            {%- endfor %}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{# The comments of a table by column, its own under '': empty where there is no such table. #}
{% macro analytics_columns(schema, name) -%}
    {%- set query -%}
        select coalesce(attribute.attname, '') as column_name, description.description
        from pg_class as class
        inner join pg_namespace as namespace on namespace.oid = class.relnamespace
        cross join lateral (
            select null::name as attname, 0 as attnum
            union all
            select attname, attnum from pg_attribute
            where attrelid = class.oid and attnum > 0 and not attisdropped
        ) as attribute
        left join pg_description as description
            on description.objoid = class.oid
            and description.classoid = 'pg_class'::regclass
            and description.objsubid = attribute.attnum
        where namespace.nspname = '{{ schema }}' and class.relname = '{{ name }}'
    {%- endset -%}
    {%- set comments = {} -%}
    {%- for row in run_query(query) -%}
        {%- do comments.update({row[0]: row[1] or 'none'}) -%}
    {%- endfor -%}
    {{ return(comments) }}
{%- endmacro %}
