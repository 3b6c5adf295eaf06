-- One row per provider with usage in the 24 hours that end at its last full hour.
with span as (
    select
        provider_id,
        date_trunc('hour', least({{ as_of() }}, data_through_at), 'UTC') as until_at
    from {{ ref('int_freshness__data_through') }}
    where feed = 'usage_records'
)

select
    usage.provider_id,
    sum(usage.data_usage_bytes) / power(2::numeric, 40) as total_data_tb_24h,
    sum(usage.voice_seconds) / 3600.0 as total_voice_hours_24h,
    sum(usage.signal_strength_dbm_sum) / nullif(sum(usage.signal_sample_count), 0) as avg_signal_strength_24h
from {{ ref('fct_usage_hourly') }} as usage
inner join span using (provider_id)
where usage.usage_hour_at >= span.until_at - interval '24 hours' and usage.usage_hour_at < span.until_at
group by usage.provider_id
