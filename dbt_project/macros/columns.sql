{# A table's columns with arrays under their type's name; dbt's own says ARRAY, which no cast in a unit test takes. #}
{% macro postgres__get_columns_in_relation(relation) -%}
    {% call statement('get_columns_in_relation', fetch_result=True) %}
        select
            attribute.attname as column_name,
            case
                when columns.data_type = 'ARRAY' then format_type(attribute.atttypid, attribute.atttypmod)
                else columns.data_type
            end as data_type,
            columns.character_maximum_length,
            columns.numeric_precision,
            columns.numeric_scale
        from information_schema.columns as columns
        inner join pg_attribute as attribute
            on attribute.attrelid = format('%I.%I', columns.table_schema, columns.table_name)::regclass
            and attribute.attname = columns.column_name
        where columns.table_name = '{{ relation.identifier }}'
            {%- if relation.schema %} and columns.table_schema = '{{ relation.schema }}'{% endif %}
        order by columns.ordinal_position
    {% endcall %}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}
