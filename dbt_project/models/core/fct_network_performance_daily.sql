{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'performance_date', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window={'feed': 'network_performance', 'local_day_start': 'day_start_at'},
    indexes=[
        {'columns': ['performance_date']}, {'columns': ['element_id', 'performance_date']},
        {'columns': ['day_start_at'], 'type': 'brin'}
    ]
) }}

with sample as (
    select * from {{ ref('int_performance__samples') }}
    where {{ time_is_near('network_performance', 'measurement_timestamp') }}
        and {{ local_day_is_touched('network_performance', 'day_start_at') }}
),

-- Samples of a whole day decide; an element without one is taken from its shorter samples.
chosen as (
    select *, is_whole_day = bool_or(is_whole_day) over (partition by element_id, performance_date) as decides
    from sample
),

busy_hour as (
    select distinct on (element_id, performance_date)
        element_id, performance_date, measurement_timestamp as busy_hour_at, throughput_mbps
    from sample
    where not is_whole_day and throughput_mbps is not null
    order by element_id, performance_date, throughput_mbps desc, measurement_timestamp
),

uplink_hour as (
    select element_id, performance_date, avg(uplink_throughput_mbps) as avg_uplink_throughput_mbps
    from sample
    where not is_whole_day and uplink_throughput_mbps is not null
    group by element_id, performance_date, date_trunc('hour', measurement_timestamp, 'UTC')
),

busy_uplink as (
    select
        element_id, performance_date, max(avg_uplink_throughput_mbps) as busy_hour_uplink_throughput_mbps,
        count(*) as uplink_hour_count
    from uplink_hour
    group by element_id, performance_date
)

select
    chosen.performance_date,
    chosen.day_start_at,
    chosen.element_id,
    chosen.element_key,
    chosen.provider_id,
    chosen.zone_id,
    bool_or(chosen.is_whole_day) as is_from_daily_samples,
    count(*) as sample_count,
    avg(chosen.signal_strength_dbm) as avg_signal_strength_dbm,
    avg(chosen.bandwidth_utilization_percentage) as avg_bandwidth_utilization_percentage,
    avg(chosen.throughput_mbps) as avg_throughput_mbps,
    avg(chosen.uplink_throughput_mbps) as avg_uplink_throughput_mbps,
    avg(chosen.latency_ms) as avg_latency_ms,
    max(chosen.latency_ms) as max_latency_ms,
    avg(chosen.jitter_ms) as avg_jitter_ms,
    avg(chosen.packet_loss_percentage) as avg_packet_loss_percentage,
    avg(chosen.error_rate_percentage) as avg_error_rate_percentage,
    max(chosen.connections_count) as max_connections_count,
    max(chosen.temperature_celsius) as max_temperature_celsius,
    coalesce(max(chosen.busy_hour_throughput_mbps), max(busy_hour.throughput_mbps)) as busy_hour_throughput_mbps,
    max(busy_hour.busy_hour_at) as busy_hour_at,
    max(busy_uplink.busy_hour_uplink_throughput_mbps) as busy_hour_uplink_throughput_mbps,
    coalesce(max(busy_uplink.uplink_hour_count), 0) as uplink_hour_count,
    max(chosen.measurement_timestamp) as last_sample_at
from chosen
left join busy_hour using (element_id, performance_date)
left join busy_uplink using (element_id, performance_date)
where chosen.decides
group by
    chosen.performance_date, chosen.day_start_at, chosen.element_id, chosen.element_key, chosen.provider_id, chosen.zone_id
