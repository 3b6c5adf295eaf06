{{ config(
    effect={'from': 'changed.valid_from', 'dates': ['valid_to']},
    indexes=[{'columns': ['customer_id', 'valid_from']}]
) }}

-- Which provider a customer belongs to changes whenever one of the services starts or ends; between two such instants
-- the provider with most services in force is the primary one, of equals the one whose service is the oldest.
with service as (
    select
        service_id,
        customer_id,
        provider_id,
        activated_at,
        coalesce(deactivated_at, 'infinity'::timestamptz) as deactivated_at
    from {{ ref('dim_service') }}
    where is_current and activated_at is not null and activated_at < coalesce(deactivated_at, 'infinity'::timestamptz)
),

boundary as (
    select customer_id, activated_at as at from service
    union
    select customer_id, deactivated_at from service
),

span as (
    select customer_id, at as valid_from, lead(at) over (partition by customer_id order by at) as valid_to
    from boundary
),

membership as (
    select
        span.customer_id,
        span.valid_from,
        span.valid_to,
        service.provider_id,
        count(*) as services_in_force,
        min(service.activated_at) as oldest_activated_at
    from span
    inner join service
        on service.customer_id = span.customer_id
        and service.activated_at <= span.valid_from
        and service.deactivated_at >= span.valid_to
    where span.valid_to is not null
    group by span.customer_id, span.valid_from, span.valid_to, service.provider_id
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_id, valid_from
            order by services_in_force desc, oldest_activated_at, provider_id
        ) = 1 as is_primary
    from membership
),

-- Spans that follow each other without a change are one.
marked as (
    select
        *,
        coalesce(
            valid_from <> lag(valid_to) over succession or is_primary <> lag(is_primary) over succession, true
        ) as begins
    from ranked
    window succession as (partition by customer_id, provider_id order by valid_from)
),

numbered as (
    select
        *,
        sum(begins::integer) over (partition by customer_id, provider_id order by valid_from) as run
    from marked
)

select
    customer_id,
    provider_id,
    min(valid_from) as valid_from,
    max(valid_to) as valid_to,
    is_primary
from numbered
group by customer_id, provider_id, run, is_primary
