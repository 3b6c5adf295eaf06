{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'usage_at', 'method': 'range', 'granularity': 'day', 'default_partition': true},
    window={'feed': 'usage_records', 'utc_time': 'usage_at'},
    indexes=[{'columns': ['usage_id']}, {'columns': ['service_id', 'usage_at']}]
) }}

select usage_id, usage_at, service_id, data_usage_bytes, voice_seconds
from core.landed
where {{ utc_day_is_touched('usage_records', 'usage_at') }}
