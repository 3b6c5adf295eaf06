{{ config(materialized='view', contract={'enforced': false}) }}

-- Ask for an element and a span of time: both conditions reach the fact's index.
select
    hour.performance_hour_at as hour,
    hour.element_id,
    hour.provider_id,
    hour.zone_id,
    hour.avg_signal_strength_dbm as avg_signal,
    hour.avg_bandwidth_utilization_percentage as avg_bandwidth_utilization,
    hour.max_latency_ms as max_latency,
    hour.min_packet_loss_percentage as min_packet_loss,
    hour.sample_count,
    hour.avg_latency_ms,
    hour.avg_packet_loss_percentage,
    hour.avg_throughput_mbps,
    day.latency_hours_24h,
    day.latency_p50_ms_24h,
    day.latency_p95_ms_24h,
    day.latency_p99_ms_24h
from {{ ref('fct_network_performance_hourly') }} as hour
cross join lateral (
    select
        count(earlier.avg_latency_ms) as latency_hours_24h,
        percentile_cont(0.5) within group (order by earlier.avg_latency_ms) as latency_p50_ms_24h,
        percentile_cont(0.95) within group (order by earlier.avg_latency_ms) as latency_p95_ms_24h,
        percentile_cont(0.99) within group (order by earlier.avg_latency_ms) as latency_p99_ms_24h
    from {{ ref('fct_network_performance_hourly') }} as earlier
    where earlier.element_id = hour.element_id
        and earlier.performance_hour_at > hour.performance_hour_at - interval '24 hours'
        and earlier.performance_hour_at <= hour.performance_hour_at
) as day
