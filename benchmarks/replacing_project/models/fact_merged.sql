{{ config(
    materialized='incremental', incremental_strategy='merge', unique_key='usage_id',
    indexes=[{'columns': ['usage_id'], 'unique': true}, {'columns': ['service_id', 'usage_at']}]
) }}

select usage_id, usage_at, service_id, data_usage_bytes, voice_seconds
from core.landed
where {{ utc_day_is_touched('usage_records', 'usage_at') }}
