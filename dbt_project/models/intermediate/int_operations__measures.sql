-- One row per provider and moment: every measure, null where its feed has no data for the provider or is stale; zero where data
-- came and there was nothing.
select
    moment.provider_id,
    moment.provider_name,
    moment.moment,
    moment.as_of_at,
    moment.as_of_date,
    freshness.data_through_at,
    coalesce(freshness.stale_feeds, '{}') as stale_feeds,
    network.total_network_elements,
    network.active_elements,
    round(100.0 * network.active_elements / nullif(network.total_network_elements, 0), 1) as network_uptime_percentage,
    case when freshness.has_performance then round(network.availability_percentage, 3) end as availability_percentage,
    case when freshness.has_quality then quality.avg_download_speed_mbps end as avg_download_speed_mbps,
    case when freshness.has_quality then quality.avg_customer_satisfaction end as avg_customer_satisfaction,
    case when freshness.has_quality then coalesce(quality.slow_speed_reports, 0) end as slow_speed_reports,
    counted.total_customers,
    counted.active_customers,
    counted.new_customers_30d,
    case when freshness.has_usage then coalesce(usage.total_data_tb_24h, 0) end as total_data_tb_24h,
    case when freshness.has_usage then coalesce(usage.total_voice_hours_24h, 0) end as total_voice_hours_24h,
    case when freshness.has_usage then usage.avg_signal_strength_24h end as avg_signal_strength_24h,
    case when freshness.has_bills then coalesce(billing.monthly_revenue, 0) end as monthly_revenue,
    case when freshness.has_bills then coalesce(billing.overdue_bills, 0) end as overdue_bills,
    case when freshness.has_bills then billing.paid_bills::numeric / nullif(billing.bills, 0) end as paid_bill_share,
    case when freshness.has_tickets then coalesce(tickets.total_support_tickets, 0) end as total_support_tickets,
    case when freshness.has_tickets then coalesce(counted.open_tickets, 0) end as open_tickets,
    case when freshness.has_tickets then tickets.avg_resolution_hours end as avg_resolution_hours
from {{ ref('int_providers__moments') }} as moment
left join {{ ref('int_providers__freshness') }} as freshness using (provider_id, moment, as_of_at)
left join {{ ref('int_operations__network') }} as network using (provider_id, moment, as_of_at)
left join {{ ref('int_operations__quality') }} as quality using (provider_id, moment, as_of_at)
left join {{ ref('int_operations__counts') }} as counted using (provider_id, moment, as_of_at)
left join {{ ref('int_operations__usage') }} as usage using (provider_id, moment, as_of_at)
left join {{ ref('int_operations__billing') }} as billing using (provider_id, moment, as_of_at)
left join {{ ref('int_operations__tickets') }} as tickets using (provider_id, moment, as_of_at)
-- The unknown provider has a row only where something is attributed to it.
where moment.provider_id <> {{ unknown_id() }}
    or coalesce(
        network.total_network_elements, quality.slow_speed_reports, counted.total_customers,
        usage.total_data_tb_24h, billing.bills, tickets.total_support_tickets, nullif(counted.open_tickets, 0)
    ) is not null
