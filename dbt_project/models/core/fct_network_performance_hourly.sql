{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'performance_hour_at', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window={'feed': 'network_performance', 'utc_time': 'performance_hour_at'},
    indexes=[{'columns': ['performance_hour_at'], 'type': 'brin'}, {'columns': ['element_id', 'performance_hour_at']}]
) }}

-- A sample belongs to the hour in which it began; samples of a whole day say nothing of an hour.
with hour as (
    select
        date_trunc('hour', measurement_timestamp, 'UTC') as performance_hour_at,
        element_id,
        count(*) as sample_count,
        sum(interval_seconds)::bigint as sampled_seconds,
        avg(signal_strength_dbm) as avg_signal_strength_dbm,
        avg(bandwidth_utilization_percentage) as avg_bandwidth_utilization_percentage,
        avg(uplink_utilization_percentage) as avg_uplink_utilization_percentage,
        avg(throughput_mbps) as avg_throughput_mbps,
        avg(uplink_throughput_mbps) as avg_uplink_throughput_mbps,
        avg(prb_downlink_percentage) as avg_prb_downlink_percentage,
        avg(prb_uplink_percentage) as avg_prb_uplink_percentage,
        avg(active_users) as avg_active_users,
        avg(latency_ms) as avg_latency_ms,
        max(latency_ms) as max_latency_ms,
        avg(jitter_ms) as avg_jitter_ms,
        avg(packet_loss_percentage) as avg_packet_loss_percentage,
        min(packet_loss_percentage) as min_packet_loss_percentage,
        avg(error_rate_percentage) as avg_error_rate_percentage,
        max(connections_count) as max_connections_count,
        max(temperature_celsius) as max_temperature_celsius,
        avg(cpu_percentage) as avg_cpu_percentage,
        min(measurement_timestamp) as first_sample_at,
        max(measurement_timestamp) as last_sample_at,
        100.0 * sum(least(availability_seconds, interval_seconds))
            / sum(interval_seconds) filter (where availability_seconds is not null) as availability_percentage
    from {{ ref('stg_network_performance') }}
    where interval_seconds < 82800 and {{ utc_day_is_touched('network_performance', 'measurement_timestamp') }}
    group by 1, 2
)

-- An hour belongs to the version that held as it ended.
select
    hour.performance_hour_at,
    hour.element_id,
    coalesce(element.element_key, {{ unknown_key() }}) as element_key,
    coalesce(element.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(element.zone_id, {{ unknown_id() }}) as zone_id,
    hour.sample_count,
    hour.sampled_seconds,
    hour.avg_signal_strength_dbm,
    hour.avg_bandwidth_utilization_percentage,
    hour.avg_uplink_utilization_percentage,
    hour.avg_throughput_mbps,
    hour.avg_uplink_throughput_mbps,
    hour.avg_prb_downlink_percentage,
    hour.avg_prb_uplink_percentage,
    hour.avg_active_users,
    hour.avg_latency_ms,
    hour.max_latency_ms,
    hour.avg_jitter_ms,
    hour.avg_packet_loss_percentage,
    hour.min_packet_loss_percentage,
    hour.avg_error_rate_percentage,
    hour.max_connections_count,
    hour.max_temperature_celsius,
    hour.avg_cpu_percentage,
    hour.first_sample_at,
    hour.last_sample_at,
    hour.availability_percentage
from hour
left join {{ ref('dim_network_element') }} as element
    on element.element_id = hour.element_id
    and {{ holds_at('element', "(hour.performance_hour_at + interval '1 hour' - interval '1 microsecond')") }}
