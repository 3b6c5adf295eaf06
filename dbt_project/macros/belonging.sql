{# The customer's primary provider at an instant: of the interval in force then, else of the latest before, else of the
   first after; null without any. An expression, so that it is looked up only where a coalesce comes to it. #}
{% macro primary_provider(customer_id, instant) -%}
    (
        select bridge.provider_id
        from {{ ref('bridge_customer_provider') }} as bridge
        where bridge.customer_id = {{ customer_id }} and bridge.is_primary
        order by
            (bridge.valid_from <= {{ instant }} and {{ instant }} < bridge.valid_to) desc,
            (bridge.valid_to <= {{ instant }}) desc,
            case when bridge.valid_to <= {{ instant }} then bridge.valid_to end desc,
            bridge.valid_from
        limit 1
    )
{%- endmacro %}
