{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'availability_date', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window={'feed': 'network_performance', 'local_day_start': 'day_start_at'},
    indexes=[
        {'columns': ['availability_date']}, {'columns': ['element_id', 'availability_date']},
        {'columns': ['day_start_at'], 'type': 'brin'}
    ]
) }}

with measured as (
    select
        performance_date, day_start_at, day_end_at, element_id, element_key, provider_id, zone_id, installed_on,
        coalesce(sum(interval_seconds) filter (where not is_whole_day), 0) as short_seconds,
        coalesce(sum(interval_seconds - availability_seconds) filter (where not is_whole_day), 0) as short_down_seconds,
        coalesce(sum(interval_seconds) filter (where is_whole_day), 0) as long_seconds,
        coalesce(sum(interval_seconds - availability_seconds) filter (where is_whole_day), 0) as long_down_seconds
    from {{ ref('int_performance__samples') }}
    where availability_seconds is not null
        and {{ time_is_near('network_performance', 'measurement_timestamp') }}
        and {{ local_day_is_touched('network_performance', 'day_start_at') }}
    group by 1, 2, 3, 4, 5, 6, 7, 8
),

-- Where samples overlap the shorter ones decide; a day's sample speaks for the rest of the day only.
combined as (
    select
        *,
        short_seconds + greatest(long_seconds - short_seconds, 0) as seconds_measured,
        short_down_seconds
        + least(greatest(long_seconds - short_seconds, 0), greatest(long_down_seconds - short_down_seconds, 0))
            as seconds_down,
        case
            when installed_on > performance_date then 0
            else extract(epoch from day_end_at - day_start_at)
        end as seconds_in_service
    from measured
)

select
    performance_date as availability_date,
    day_start_at,
    element_id,
    element_key,
    provider_id,
    zone_id,
    seconds_in_service::bigint as seconds_in_service,
    seconds_measured::bigint as seconds_measured,
    seconds_down::bigint as seconds_down,
    greatest(seconds_in_service - seconds_measured, 0)::bigint as seconds_not_measured
from combined
