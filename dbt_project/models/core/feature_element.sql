{{ config(
    settles={'period': 'as_of_date', 'margin_days': 1},
    indexes=[{'columns': ['element_id', 'as_of_date']}, {'columns': ['as_of_date']}]
) }}

-- Days between two instants are whole days of 24 hours.
select
    element.as_of_date,
    element.as_of_at,
    element.is_latest,
    element.element_id,
    element.element_key,
    element.provider_id,
    element.zone_id,
    element.element_type,
    element.vendor,
    element.model,
    element.software_version,
    floor(extract(epoch from element.as_of_at - element.software_since_at) / 86400)::integer as software_age_days,
    element.software_peer_share,
    element.operational_status,
    element.as_of_date - element.installed_on as age_days,
    (element.as_of_date - element.installed_on)::numeric / nullif(element.end_of_support_on - element.installed_on, 0)
        as life_share,
    element.end_of_support_on - element.as_of_date as days_to_end_of_support,
    coalesce(performance.measured_days_7d, 0) as measured_days_7d,
    performance.avg_latency_ms_7d,
    performance.avg_latency_ms_7d / nullif(performance.avg_latency_ms_before, 0) as latency_trend_ratio,
    performance.avg_packet_loss_percentage_7d,
    performance.avg_packet_loss_percentage_7d / nullif(performance.avg_packet_loss_percentage_before, 0)
        as packet_loss_trend_ratio,
    performance.avg_error_rate_percentage_7d,
    performance.avg_error_rate_percentage_7d / nullif(performance.avg_error_rate_percentage_before, 0)
        as error_rate_trend_ratio,
    performance.error_burst_days_28d,
    performance.max_temperature_celsius_7d,
    performance.avg_temperature_celsius_7d - performance.avg_temperature_celsius_before as temperature_rise_celsius,
    performance.avg_bandwidth_utilization_percentage_7d,
    performance.avg_bandwidth_utilization_percentage_7d - performance.avg_bandwidth_utilization_percentage_before
        as bandwidth_utilization_rise_percentage,
    100 * performance.busy_hour_throughput_mbps_28d / nullif(element.capacity_mbps, 0) as busy_hour_load_percentage_28d,
    availability.availability_percentage_30d,
    case when began.outages_from_at < element.as_of_at then works.failures_365d end as failures_365d,
    floor(extract(epoch from element.as_of_at - works.last_failure_at) / 86400)::integer as days_since_failure,
    case when began.maintenance_from_at < element.as_of_at then works.corrective_maintenance_365d end
        as corrective_maintenance_365d,
    case when began.maintenance_from_at < element.as_of_at then works.overdue_maintenance end as overdue_maintenance,
    floor(extract(epoch from element.as_of_at - works.last_maintenance_at) / 86400)::integer as days_since_maintenance
from {{ ref('int_features__elements') }} as element
cross join {{ ref('int_features__began') }} as began
left join {{ ref('int_features__performance') }} as performance
    on performance.as_of_date = element.as_of_date and performance.element_id = element.element_id
left join {{ ref('int_features__availability') }} as availability
    on availability.as_of_date = element.as_of_date and availability.element_id = element.element_id
left join {{ ref('int_features__works') }} as works
    on works.as_of_date = element.as_of_date and works.element_id = element.element_id
