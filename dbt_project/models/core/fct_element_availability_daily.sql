{{ config(
    effect={'from': 'changed.availability_date'}, settles={'period': 'availability_date', 'margin_days': 2},
    materialized='partition_replaced',
    partition_by={'fields': 'availability_date', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window='whole',
    indexes=[
        {'columns': ['availability_date']}, {'columns': ['element_id', 'availability_date']},
        {'columns': ['day_start_at'], 'type': 'brin'}
    ]
) }}

-- Materialized is what PostgreSQL would otherwise compute at every mention.
-- The days of an element begin with the first that its provider's network was watched on, and end with the last that is
-- over at AS_OF. An element that is not known (yet) has the days for which samples came.
with sampled as materialized (
    select * from {{ ref('int_availability__samples') }}
),

seen as (
    select provider_id, min(performance_date) as first_date
    from {{ ref('fct_network_performance_daily') }}
    group by provider_id
    union all
    select outage.provider_id, min({{ local_day('outage.outage_start', 'provider.time_zone') }})
    from {{ ref('fct_outage') }} as outage
    inner join {{ ref('dim_provider') }} as provider using (provider_id)
    group by outage.provider_id
),

owned as (
    select distinct on (element_id) element_id, provider_id
    from {{ ref('dim_network_element') }}
    where element_id <> {{ unknown_id() }}
    order by element_id, valid_from desc
),

watched as (
    select owned.element_id, min(seen.first_date) as first_date
    from owned
    inner join seen using (provider_id)
    group by owned.element_id
),

candidate as (
    select element.element_id, element.time_zone, day::date as availability_date, element.in_service,
        element.unplanned_unsampled, element.planned_unsampled
    from watched
    inner join {{ ref('int_availability__elements') }} as element using (element_id)
    cross join lateral generate_series(
        greatest(watched.first_date, {{ settled_day() }})::timestamp,
        {{ last_ended_day('element.time_zone') }}::timestamp, interval '1 day'
    ) as day
    union all
    select sample.element_id, '{{ var("reporting_time_zone") }}', sample.performance_date, '{(,)}', '{}', '{}'
    from sampled as sample
    where sample.performance_date <= {{ last_ended_day("'" ~ var("reporting_time_zone") ~ "'") }} and not exists (
        select from {{ ref('dim_network_element') }} as element where element.element_id = sample.element_id
    )
),

dated as materialized (
    select
        *,
        {{ day_start('availability_date', 'time_zone') }} as day_start_at,
        {{ day_start('availability_date + 1', 'time_zone') }} as day_end_at
    from candidate
),

day as materialized (
    select
        dated.availability_date,
        dated.day_start_at,
        dated.day_end_at,
        dated.element_id,
        round({{ seconds_within('dated.in_service', 'dated.day_start_at', 'dated.day_end_at') }}) as seconds_in_service,
        coalesce(sample.sampled_seconds, 0) as sampled_seconds,
        round({{ seconds_within('dated.unplanned_unsampled * dated.in_service', 'dated.day_start_at', 'dated.day_end_at') }})
            as failed_seconds,
        round({{ seconds_within('dated.planned_unsampled * dated.in_service', 'dated.day_start_at', 'dated.day_end_at') }})
            as stopped_seconds,
        coalesce(sample.sampled_down_seconds - sample.sampled_planned_seconds, 0) as sampled_unplanned_seconds,
        coalesce(sample.sampled_planned_seconds, 0) as sampled_planned_seconds
    from dated
    left join sampled as sample
        on sample.element_id = dated.element_id and sample.performance_date = dated.availability_date
),

-- Nothing lasts longer than the time in service.
bounded as (
    select
        *,
        least(seconds_in_service, sampled_seconds + failed_seconds + stopped_seconds) as seconds_measured,
        least(seconds_in_service, round(sampled_unplanned_seconds) + failed_seconds) as seconds_down
    from day
    where seconds_in_service > 0
)

select
    bounded.availability_date,
    bounded.day_start_at,
    bounded.element_id,
    coalesce(element.element_key, {{ unknown_key() }}) as element_key,
    coalesce(element.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(element.zone_id, {{ unknown_id() }}) as zone_id,
    bounded.seconds_in_service::bigint as seconds_in_service,
    bounded.seconds_measured::bigint as seconds_measured,
    bounded.seconds_down::bigint as seconds_down,
    least(
        bounded.seconds_measured - bounded.seconds_down, round(bounded.sampled_planned_seconds) + bounded.stopped_seconds
    )::bigint as seconds_planned_down,
    (bounded.seconds_in_service - bounded.seconds_measured)::bigint as seconds_not_measured
from bounded
left join {{ ref('dim_network_element') }} as element
    on element.element_id = bounded.element_id
    and {{ holds_at('element', "(bounded.day_end_at - interval '1 microsecond')") }}
