-- One row per provider: every measure of the operations centre, null where its feed has no data for the provider or is
-- stale; zero where data came and there was nothing. Each measure comes from its own fact, so nothing multiplies.
select
    moment.provider_id,
    moment.provider_name,
    moment.as_of_at,
    freshness.data_through_at,
    coalesce(freshness.stale_feeds, '{}') as stale_feeds,
    network.total_network_elements as total_elements,
    network.active_elements,
    network.failed_elements,
    round(100.0 * network.active_elements / nullif(network.total_network_elements, 0), 1) as network_availability_percentage,
    case when freshness.has_performance then round(network.availability_percentage, 3) end as availability_percentage,
    outages.active_outages,
    outages.total_customers_impacted,
    outages.longest_outage_hours,
    case when freshness.has_performance then performance.avg_signal_strength end as avg_signal_strength,
    case when freshness.has_performance then performance.avg_bandwidth_utilization end as avg_bandwidth_utilization,
    case when freshness.has_performance then performance.max_latency_ms end as max_latency_ms,
    case when freshness.has_performance then performance.avg_error_rate end as avg_error_rate,
    case when freshness.has_quality then quality.avg_customer_download_speed end as avg_customer_download_speed,
    case when freshness.has_quality then quality.avg_service_quality_rating end as avg_service_quality_rating,
    case when freshness.has_quality then coalesce(quality.speed_complaint_count, 0) end as speed_complaint_count,
    services.active_services,
    case when freshness.has_usage then coalesce(usage.data_usage_tb_last_hour, 0) end as data_usage_tb_last_hour,
    case when freshness.has_usage then usage.avg_customer_signal_strength end as avg_customer_signal_strength,
    case when freshness.has_tickets then coalesce(support.open_tickets, 0) end as open_support_tickets,
    case when freshness.has_bills then round(billing.overdue_billing_rate, 1) end as overdue_billing_rate
from {{ ref('int_providers__moments') }} as moment
left join {{ ref('int_providers__freshness') }} as freshness using (provider_id, moment, as_of_at)
left join {{ ref('int_operations__network') }} as network using (provider_id, moment, as_of_at)
left join {{ ref('int_noc__outages') }} as outages using (provider_id)
left join {{ ref('int_noc__performance') }} as performance using (provider_id)
left join {{ ref('int_noc__quality') }} as quality using (provider_id)
left join {{ ref('int_noc__services') }} as services using (provider_id)
left join {{ ref('int_noc__usage') }} as usage using (provider_id)
left join {{ ref('int_noc__billing') }} as billing using (provider_id)
left join {{ ref('int_operations__support') }} as support using (provider_id, moment, as_of_at)
-- The unknown provider has a row only where something is attributed to it.
where moment.moment = 'as_of' and (
    moment.provider_id <> {{ unknown_id() }}
    or coalesce(
        network.total_network_elements, nullif(outages.active_outages, 0), quality.speed_complaint_count,
        nullif(services.active_services, 0), usage.data_usage_tb_last_hour, billing.overdue_billing_rate,
        nullif(support.open_tickets, 0)
    ) is not null
)
