{# A table, since several models stand on it. #}
{{ config(
    effect={'from': 'changed.as_of_date'}, settles={'period': 'as_of_date', 'margin_days': 1},
    materialized='in_place', contract={'enforced': true}
) }}

-- One row per as-of date and service in force: assessments, port-outs asked for and outages that met it, before.
with service as (
    select * from {{ ref('int_features__services') }} where {{ not_settled('as_of_date') }}
),

quality as (
    select
        service.as_of_date,
        service.service_id,
        count(*) filter (where fact.assessment_date > service.last_ended_date - 90) as assessments_90d,
        count(*) filter (where fact.is_below_half_speed and fact.assessment_date > service.last_ended_date - 90)
            as slow_assessments_90d,
        sum(fact.download_speed_percentage) filter (where fact.assessment_date > service.last_ended_date - 90)
            as download_speed_percentage_sum,
        count(fact.download_speed_percentage) filter (where fact.assessment_date > service.last_ended_date - 90)
            as download_speed_tests_90d,
        sum(fact.customer_rating) as rating_sum,
        count(fact.customer_rating) as ratings_365d
    from service
    inner join {{ ref('fct_service_quality') }} as fact
        on fact.service_id = service.service_id
        and fact.assessment_date <= service.last_ended_date
        and fact.assessment_date > service.last_ended_date - 365
    group by service.as_of_date, service.service_id
),

porting as (
    select service.as_of_date, service.service_id, count(*) as porting_requests_90d
    from service
    inner join {{ ref('fct_service_order') }} as placed
        on placed.service_id = service.service_id
        and placed.order_type = 'port_out'
        and placed.requested_at < service.as_of_at
        and placed.requested_at >= service.as_of_at - interval '2160 hours'
    group by service.as_of_date, service.service_id
),

-- An outage meets a service by its serving element, that one's parent, its zone, or as one of the whole provider.
reached as (
    select outage_id, element_id as reached_id, outage_start, actual_restoration
    from {{ ref('stg_outages') }}
    where outage_type <> 'planned' and element_id is not null
    union all
    select outage_id, coalesce(zone_id, provider_id), outage_start, actual_restoration
    from {{ ref('stg_outages') }}
    where outage_type <> 'planned' and element_id is null
),

reachable as (
    select service.as_of_date, service.as_of_at, service.service_id, reach.reached_id
    from service
    left join {{ ref('dim_network_element') }} as element
        on element.element_id = service.serving_element_id
        and element.valid_from < service.as_of_at and service.as_of_at <= element.valid_to
    cross join lateral (
        values (service.serving_element_id), (element.parent_element_id), (service.zone_id), (service.provider_id)
    ) as reach (reached_id)
    where reach.reached_id <> {{ unknown_id() }}
),

outage as (
    select
        reachable.as_of_date,
        reachable.service_id,
        count(*) as outages_90d,
        sum(
            extract(epoch from
                least(coalesce(reached.actual_restoration, reachable.as_of_at), reachable.as_of_at)
                - greatest(reached.outage_start, reachable.as_of_at - interval '2160 hours')
            )
        ) as outage_seconds_90d
    from reachable
    inner join reached
        on reached.reached_id = reachable.reached_id
        and reached.outage_start < reachable.as_of_at
        and coalesce(reached.actual_restoration, 'infinity') > reachable.as_of_at - interval '2160 hours'
    group by reachable.as_of_date, reachable.service_id
)

select
    service.as_of_date,
    service.service_id,
    coalesce(quality.assessments_90d, 0) as assessments_90d,
    coalesce(quality.slow_assessments_90d, 0) as slow_assessments_90d,
    quality.download_speed_percentage_sum,
    coalesce(quality.download_speed_tests_90d, 0) as download_speed_tests_90d,
    quality.rating_sum,
    coalesce(quality.ratings_365d, 0) as ratings_365d,
    coalesce(porting.porting_requests_90d, 0) as porting_requests_90d,
    coalesce(outage.outages_90d, 0) as outages_90d,
    coalesce(outage.outage_seconds_90d, 0) as outage_seconds_90d
from service
left join quality using (as_of_date, service_id)
left join porting using (as_of_date, service_id)
left join outage using (as_of_date, service_id)
