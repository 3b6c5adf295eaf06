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

{# Of a row of `event` with customer_id and service_id: the versions of both that held at its instant, and the provider that
   it belongs to: its service's, else the first known of `others`, else the customer's primary one. With the joins below. #}
{% macro owner_columns(event, instant, others=[]) -%}
    customer.customer_key,
        service.service_key,
        service.zone_id,
        coalesce(
            {{ (['service.provider_id'] + others) | join(', ') }},
            {{ primary_provider(event ~ '.customer_id', event ~ '.' ~ instant) }}, {{ unknown_id() }}
        ) as provider_id
{%- endmacro %}

{% macro owner_joins(event, instant) -%}
    left join {{ ref('dim_customer') }} as customer
        on customer.customer_id = {{ event }}.customer_id and {{ holds_at('customer', event ~ '.' ~ instant) }}
    left join {{ ref('dim_service') }} as service
        on service.service_id = {{ event }}.service_id and {{ holds_at('service', event ~ '.' ~ instant) }}
{%- endmacro %}
