-- One row per provider with samples in its last full hour, which ends by AS_OF and by the newest sample.
select
    hour.provider_id,
    avg(hour.avg_signal_strength_dbm) as avg_signal_strength,
    avg(hour.avg_bandwidth_utilization_percentage) as avg_bandwidth_utilization,
    max(hour.max_latency_ms) as max_latency_ms,
    avg(hour.avg_error_rate_percentage) as avg_error_rate
from {{ ref('fct_network_performance_hourly') }} as hour
inner join {{ ref('int_freshness__data_through') }} as newest
    on newest.provider_id = hour.provider_id and newest.feed = 'network_performance'
where hour.performance_hour_at
    = date_trunc('hour', least({{ as_of() }}, newest.data_through_at), 'UTC') - interval '1 hour'
group by hour.provider_id
