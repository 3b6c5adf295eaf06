-- One row per provider and month with a watched network. The month of an element's day is the day's, that of an
-- element-hour the provider's.
with available as (
    select
        provider_id,
        {{ month_of('availability_date') }} as month_start_date,
        sum(seconds_measured - seconds_down - seconds_planned_down) as seconds_available,
        sum(seconds_measured - seconds_planned_down) as seconds_expected
    from {{ ref('fct_element_availability_daily') }}
    group by 1, 2
),

-- The hour that held the day's most loaded sample.
performed as (
    select
        day.provider_id,
        {{ month_of('day.performance_date') }} as month_start_date,
        avg(day.avg_packet_loss_percentage) as avg_packet_loss_percentage,
        avg(day.avg_signal_strength_dbm) as avg_signal_strength_dbm,
        avg(busy.avg_bandwidth_utilization_percentage) as busy_hour_utilization_percentage
    from {{ ref('fct_network_performance_daily') }} as day
    left join {{ ref('fct_network_performance_hourly') }} as busy
        on busy.element_id = day.element_id and busy.performance_hour_at = date_trunc('hour', day.busy_hour_at, 'UTC')
    group by 1, 2
),

answered as (
    select
        hour.provider_id,
        {{ month_of(local_day('hour.performance_hour_at', 'provider.time_zone')) }} as month_start_date,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by hour.avg_latency_ms) as latencies_ms
    from {{ ref('fct_network_performance_hourly') }} as hour
    inner join {{ ref('dim_provider') }} as provider using (provider_id)
    group by 1, 2
)

select
    provider_id,
    month_start_date,
    available.seconds_available,
    100.0 * available.seconds_available / nullif(available.seconds_expected, 0) as availability_percentage,
    performed.avg_packet_loss_percentage,
    performed.avg_signal_strength_dbm,
    performed.busy_hour_utilization_percentage,
    answered.latencies_ms[1] as latency_p50_ms,
    answered.latencies_ms[2] as latency_p95_ms,
    answered.latencies_ms[3] as latency_p99_ms
from available
full join performed using (provider_id, month_start_date)
full join answered using (provider_id, month_start_date)
