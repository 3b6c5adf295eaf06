-- One row per service with data in its full weeks: the share of each local hour of the week, Monday 0:00 first.
with hour as (
    select
        usage.service_id,
        -- Full weeks begin on a Monday; whole days are quicker than parts of instants.
        (usage.local_at::date - usage.from_date) % 7 * 24 + date_part('hour', usage.local_at)::integer as hour_of_week,
        sum(usage.data_usage_bytes) as data_usage_bytes
    from (
        select
            usage.service_id,
            usage.usage_timestamp at time zone service.time_zone as local_at,
            usage.data_usage_bytes,
            service.from_date,
            service.to_date
        from {{ ref('stg_usage_records') }} as usage
        inner join {{ ref('int_usage_patterns__services') }} as service on service.service_id = usage.service_id
        where usage.usage_timestamp > {{ as_of() }} - {{ overdue_after('usage_records') }} - interval '100 days'
            and usage.data_usage_bytes > 0
    ) as usage
    where usage.local_at >= usage.from_date and usage.local_at < usage.to_date
    group by usage.service_id, hour_of_week
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
    service.service_id,
    every_hour.hour_of_week_shares,
    service.night_bytes / service.all_bytes as night_share,
    service.business_hours_bytes / service.all_bytes as business_hours_share,
    service.weekend_bytes / service.all_bytes as weekend_share,
    service.peak_hour_of_week
from service
cross join lateral (
    select array_agg(coalesce(used.bytes / service.all_bytes, 0) order by week.hour_of_week) as hour_of_week_shares
    from generate_series(0, 167) as week (hour_of_week)
    left join unnest(service.hours_of_week, service.bytes_of_hours) as used (hour_of_week, bytes)
        on used.hour_of_week = week.hour_of_week
) as every_hour
