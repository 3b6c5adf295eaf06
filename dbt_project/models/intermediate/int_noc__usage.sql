-- One row per provider with usage in its last full hour, which ends by AS_OF and by the newest usage record.
select
    usage.provider_id,
    sum(usage.data_usage_bytes) / power(2::numeric, 40) as data_usage_tb_last_hour,
    sum(usage.signal_strength_dbm_sum) / nullif(sum(usage.signal_sample_count), 0) as avg_customer_signal_strength
from {{ ref('fct_usage_hourly') }} as usage
inner join {{ ref('int_freshness__data_through') }} as newest
    on newest.provider_id = usage.provider_id and newest.feed = 'usage_records'
where usage.usage_hour_at = date_trunc('hour', least({{ as_of() }}, newest.data_through_at), 'UTC') - interval '1 hour'
group by usage.provider_id
