{# Descriptions as comments, written only where they differ: a build that changes nothing writes nothing. #}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set present = {} -%}
    {%- for row in query_rows(
        "select attname, coalesce(col_description(attrelid, attnum), '') from pg_attribute where attrelid = "
        ~ regclass(relation) ~ " and attnum > 0 and not attisdropped"
        ~ " union all select '', coalesce(obj_description(" ~ regclass(relation) ~ ", 'pg_class'), '')"
    ) -%}
        {%- do present.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- set statements = [] -%}
    {%- if for_relation and config.persist_relation_docs() and model.description and present[''] != model.description -%}
        {%- set kind = 'view' if relation.is_view else 'table' -%}
        {%- do statements.append(
            "comment on " ~ kind ~ " " ~ relation ~ " is " ~ postgres_escape_comment(model.description)
        ) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() -%}
        {%- for column in model.columns.values() if column.name in present and present[column.name] != column.description -%}
            {%- do statements.append(
                "comment on column " ~ relation ~ "." ~ adapter.quote(column.name) ~ " is "
                ~ postgres_escape_comment(column.description)
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if statements -%} {%- do execute_sql(statements | join(';\n')) -%} {%- endif -%}
{%- endmacro %}
