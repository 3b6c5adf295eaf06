{# A parameter of the key figures. #}
{% macro kpi_parameter(name) -%}
    (select setting.value from {{ ref('kpi_parameters') }} as setting where setting.parameter = '{{ name }}')
{%- endmacro %}

{# The local month of a day. #}
{% macro month_of(day) -%} date_trunc('month', {{ day }}::timestamp)::date {%- endmacro %}

{# The key of a row over lines of business and customer classes that were grouped by cube. #}
{% macro kpi_key() -%}
    provider_id,
    month_start_date,
    case when grouping(line_of_business) = 1 then 'all' else line_of_business end as line_of_business,
    case when grouping(customer_class) = 1 then 'all' else customer_class end as customer_class
{%- endmacro %}

{# The groups of such rows. What belongs to no line of business (null) counts only in rows over all of them. #}
{% macro kpi_groups() -%}
    group by provider_id, month_start_date, cube (line_of_business, customer_class)
    having grouping(line_of_business) = 1 or line_of_business is not null
{%- endmacro %}

{# The rows of a month that are no roll-up add up to the provider's row over everything. #}
{% test kpi_rollups_add_up(model) %}
select provider_id, month_start_date
from {{ model }}
group by provider_id, month_start_date
having
    {%- for name in ('opening_lines', 'added_lines', 'ended_lines', 'closing_lines', 'earned_service_amount_reporting') %}
    coalesce(sum({{ name }}) filter (where not is_rollup), 0)
    <> coalesce(sum({{ name }}) filter (where line_of_business = 'all' and customer_class = 'all'), 0)
    {{ 'or' if not loop.last }}
    {%- endfor %}
{% endtest %}
