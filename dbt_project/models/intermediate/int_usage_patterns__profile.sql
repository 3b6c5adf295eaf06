-- One row per service with data in its full weeks: the share of each local hour of the week, Monday 0:00 first.
with hour as (
    select
        usage.service_id,
        ((extract(isodow from usage.local_at) - 1) * 24 + extract(hour from usage.local_at))::integer as hour_of_week,
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
        where usage.usage_timestamp > {{ as_of() }} - interval '2520 hours' and usage.data_usage_bytes > 0
    ) as usage
    where usage.local_at >= usage.from_date and usage.local_at < usage.to_date
    group by usage.service_id, hour_of_week
),

-- Shares of sums: the sum of rounded shares may exceed 1.
service as (
    select service_id, sum(data_usage_bytes) as all_bytes from hour group by service_id
),

every_hour as (
    select
        service.service_id,
        week.hour_of_week,
        coalesce(hour.data_usage_bytes, 0) as data_usage_bytes,
        service.all_bytes
    from service
    cross join generate_series(0, 167) as week (hour_of_week)
    left join hour on hour.service_id = service.service_id and hour.hour_of_week = week.hour_of_week
)

select
    service_id,
    array_agg(data_usage_bytes / all_bytes order by hour_of_week) as hour_of_week_shares,
    coalesce(sum(data_usage_bytes) filter (where hour_of_week % 24 < 6), 0) / all_bytes as night_share,
    coalesce(sum(data_usage_bytes) filter (where hour_of_week < 120 and hour_of_week % 24 between 9 and 16), 0) / all_bytes
        as business_hours_share,
    coalesce(sum(data_usage_bytes) filter (where hour_of_week >= 120), 0) / all_bytes as weekend_share,
    (array_agg(hour_of_week order by data_usage_bytes desc, hour_of_week))[1] as peak_hour_of_week
from every_hour
group by service_id, all_bytes
