{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'usage_date', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window={'feed': 'usage_records', 'local_day_start': 'day_start_at'},
    indexes=[
        {'columns': ['usage_date']}, {'columns': ['service_id', 'usage_date']}, {'columns': ['element_id', 'usage_date']},
        {'columns': ['day_start_at'], 'type': 'brin'}
    ]
) }}

with day as (
    select
        service_id,
        coalesce(element_id, {{ unknown_id() }}) as element_id,
        time_zone,
        {{ local_day('usage_timestamp', 'time_zone') }} as usage_date,
        count(*) as usage_record_count,
        sum(data_usage_bytes)::bigint as data_usage_bytes,
        sum(data_usage_bytes) filter (where is_roaming)::bigint as roaming_data_usage_bytes,
        sum(voice_seconds)::bigint as voice_seconds,
        sum(sms_count)::bigint as sms_count,
        sum(session_seconds)::bigint as session_seconds,
        avg(signal_strength_dbm) as avg_signal_strength_dbm,
        count(signal_strength_dbm) as signal_sample_count
    from {{ ref('int_usage__records') }}
    where {{ time_is_near('usage_records', 'usage_timestamp') }}
    group by 1, 2, 3, 4
),

placed as (
    select
        *,
        {{ day_start('usage_date', 'time_zone') }} as day_start_at,
        {{ day_start('usage_date + 1', 'time_zone') }} as day_end_at
    from day
)

-- A day belongs to the versions that held as it ended.
select
    placed.usage_date,
    placed.day_start_at,
    placed.service_id,
    coalesce(service.service_key, {{ unknown_key() }}) as service_key,
    placed.element_id,
    coalesce(element.element_key, {{ unknown_key() }}) as element_key,
    coalesce(service.provider_id, {{ unknown_id() }}) as provider_id,
    case
        when element.zone_id <> {{ unknown_id() }} then element.zone_id
        else coalesce(service.zone_id, {{ unknown_id() }})
    end as zone_id,
    coalesce(service.customer_id, {{ unknown_id() }}) as customer_id,
    placed.usage_record_count,
    placed.data_usage_bytes,
    coalesce(placed.roaming_data_usage_bytes, 0) as roaming_data_usage_bytes,
    placed.voice_seconds,
    placed.sms_count,
    placed.session_seconds,
    placed.avg_signal_strength_dbm,
    placed.signal_sample_count
from placed
left join {{ ref('dim_service') }} as service
    on service.service_id = placed.service_id
    and {{ holds_at('service', "(placed.day_end_at - interval '1 microsecond')") }}
left join {{ ref('dim_network_element') }} as element
    on element.element_id = placed.element_id
    and {{ holds_at('element', "(placed.day_end_at - interval '1 microsecond')") }}
where {{ local_day_is_touched('usage_records', 'placed.day_start_at') }}
