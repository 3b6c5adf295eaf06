{# The functions that the source design names, over the tables of schema analytics. #}
{% macro create_source_functions() -%}
{{ create_recommend_service_plans() }};
{{ create_predict_customer_churn() }};
{%- endmacro %}
