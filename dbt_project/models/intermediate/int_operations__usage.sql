-- One row per provider and moment with usage in the 24 hours that end at its last full hour.
with day_hour as (
    select
        provider_id,
        moment,
        as_of_at,
        date_trunc('hour', least(as_of_at, data_through_at), 'UTC') - hours_before * interval '1 hour' as usage_hour_at
    from {{ ref('int_freshness__moments') }}
    cross join generate_series(1, 24) as hours_before
    where feed = 'usage_records'
)

select
    provider_id,
    day_hour.moment,
    day_hour.as_of_at,
    sum(usage.data_usage_bytes) / power(2::numeric, 40) as total_data_tb_24h,
    sum(usage.voice_seconds) / 3600.0 as total_voice_hours_24h,
    sum(usage.signal_strength_dbm_sum) / nullif(sum(usage.signal_sample_count), 0) as avg_signal_strength_24h
from {{ ref('fct_usage_hourly') }} as usage
inner join day_hour using (provider_id, usage_hour_at)
-- Of a provider whose usage is overdue nothing is said.
where usage.usage_hour_at >= {{ settled_day() }} - {{ overdue_after('usage_records') }} - interval '3 days'
group by provider_id, day_hour.moment, day_hour.as_of_at
