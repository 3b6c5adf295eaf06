-- One row per network element and local day with samples that state availability. Where samples overlap the shorter ones
-- decide; a day's sample speaks for the rest of the day only, with the downtime that the shorter ones do not explain.
-- What states more seconds than it lasts was never down.
with sample as (
    select
        sample.element_id,
        sample.performance_date,
        sample.is_whole_day,
        sample.interval_seconds,
        greatest(sample.interval_seconds - sample.availability_seconds, 0) as down_seconds,
        case
            when sample.interval_seconds > sample.availability_seconds
                then {{ seconds_within('element.planned', 'sample.measurement_timestamp',
                    'sample.measurement_timestamp + make_interval(secs => sample.interval_seconds)') }}
            else 0
        end as planned_seconds
    from {{ ref('int_performance__samples') }} as sample
    left join {{ ref('int_availability__elements') }} as element on element.element_id = sample.element_id
    where sample.availability_seconds is not null
        and {{ not_settled('sample.performance_date') }}
        and sample.measurement_timestamp >= {{ settled_day() }} - 3
),

day as (
    select
        element_id,
        performance_date,
        coalesce(sum(interval_seconds) filter (where not is_whole_day), 0) as short_seconds,
        coalesce(sum(down_seconds) filter (where not is_whole_day), 0) as short_down_seconds,
        coalesce(sum(least(down_seconds, planned_seconds)) filter (where not is_whole_day), 0) as short_planned_seconds,
        coalesce(sum(interval_seconds) filter (where is_whole_day), 0) as long_seconds,
        coalesce(sum(down_seconds) filter (where is_whole_day), 0) as long_down_seconds,
        coalesce(sum(planned_seconds) filter (where is_whole_day), 0) as long_planned_seconds
    from sample
    group by element_id, performance_date
),

rest as (
    select
        *,
        greatest(long_seconds - short_seconds, 0) as rest_seconds,
        least(greatest(long_seconds - short_seconds, 0), greatest(long_down_seconds - short_down_seconds, 0))
            as rest_down_seconds
    from day
)

-- Downtime in a planned window is planned, as far as the window lasts.
select
    element_id,
    performance_date,
    short_seconds + rest_seconds as sampled_seconds,
    short_down_seconds + rest_down_seconds as sampled_down_seconds,
    short_planned_seconds + least(rest_down_seconds, greatest(long_planned_seconds - short_planned_seconds, 0))
        as sampled_planned_seconds
from rest
