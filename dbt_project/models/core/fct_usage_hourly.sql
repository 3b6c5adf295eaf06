{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'usage_hour_at', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window={'feed': 'usage_records', 'utc_time': 'usage_hour_at'},
    indexes=[{'columns': ['element_id', 'usage_hour_at']}, {'columns': ['usage_hour_at'], 'type': 'brin'}]
) }}

select
    date_trunc('hour', usage_timestamp, 'UTC') as usage_hour_at,
    provider_id,
    zone_id,
    element_id,
    count(*) as usage_record_count,
    sum(data_usage_bytes)::bigint as data_usage_bytes,
    sum(voice_seconds)::bigint as voice_seconds,
    sum(sms_count)::bigint as sms_count,
    sum(signal_strength_dbm) as signal_strength_dbm_sum,
    count(signal_strength_dbm) as signal_sample_count,
    min(usage_timestamp) as first_usage_at,
    max(usage_timestamp) as last_usage_at
from {{ ref('fct_usage_event') }}
where {{ utc_day_is_touched('usage_records', 'usage_timestamp') }}
group by 1, 2, 3, 4
