{# What usage changes, fct_usage_daily tells. #}
{{ config(
    materialized='in_place', contract={'enforced': true},
    settles={'margin_days': 0, 'apart_from': ['int_freshness__data_through', 'usage_records']}
) }}

-- One row per service with full weeks: of its data the share of each local hour of the week, Monday 0:00 first.
with {{ weeks_that_are_due() }},

-- Hours since the first Monday; apart, so that each instant is looked up in its time zone once.
used as (
    select
        usage.service_id,
        due.week_count,
        usage.data_usage_bytes,
        floor(date_part('epoch', usage.usage_timestamp at time zone due.time_zone - due.from_date) / 3600)::integer as hour
    from {{ ref('stg_usage_records') }} as usage
    inner join due on due.service_id = usage.service_id
    where usage.usage_timestamp > {{ as_of() }} - {{ overdue_after('usage_records') }} - interval '100 days'
        and usage.data_usage_bytes > 0
    offset 0  -- noqa: AM09
),

hour as (
    select service_id, hour % 168 as hour_of_week, sum(data_usage_bytes) as data_usage_bytes
    from used
    where hour >= 0 and hour < 168 * week_count
    group by service_id, hour_of_week
),

-- Shares of sums: the sum of rounded shares may exceed 1.
service as (
    select
        service_id,
        sum(data_usage_bytes) as all_bytes,
        array_agg(hour_of_week) as hours_of_week,
        array_agg(data_usage_bytes) as bytes_of_hours,
        coalesce(sum(data_usage_bytes) filter (where hour_of_week % 24 < 6), 0) as night_bytes,
        coalesce(sum(data_usage_bytes) filter (where hour_of_week < 120 and hour_of_week % 24 between 9 and 16), 0)
            as business_hours_bytes,
        coalesce(sum(data_usage_bytes) filter (where hour_of_week >= 120), 0) as weekend_bytes,
        -- The earliest of the busiest hours, without a sort of all of them.
        167 - (max(array[data_usage_bytes, 167 - hour_of_week]))[2]::integer as peak_hour_of_week
    from hour
    group by service_id
)

-- A join of all services and hours would take five times as long.
select
    due.service_id,
    due.from_date,
    due.to_date,
    every_hour.hour_of_week_shares,
    service.night_bytes / service.all_bytes as night_share,
    service.business_hours_bytes / service.all_bytes as business_hours_share,
    service.weekend_bytes / service.all_bytes as weekend_share,
    service.peak_hour_of_week
from due
left join service on service.service_id = due.service_id
left join lateral (
    select array_agg(coalesce(used.bytes / service.all_bytes, 0) order by week.hour_of_week) as hour_of_week_shares
    from generate_series(0, 167) as week (hour_of_week)
    left join unnest(service.hours_of_week, service.bytes_of_hours) as used (hour_of_week, bytes)
        on used.hour_of_week = week.hour_of_week
    where service.service_id is not null
) as every_hour on true
{{ and_weeks_that_are_kept(
    ['hour_of_week_shares', 'night_share', 'business_hours_share', 'weekend_share', 'peak_hour_of_week']
) }}
