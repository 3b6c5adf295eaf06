-- One row per usage record with the time zone of its service's local days. Who asks nothing more of the service and of the
-- element than their ids reads it here: PostgreSQL would make every join of fct_usage_event for each row. A service keeps
-- its local days where no version holds, so that the day of its end is one day.
select
    usage.usage_id,
    usage.usage_timestamp,
    usage.service_id,
    usage.element_id,
    usage.device_id,
    coalesce(calendar.time_zone, '{{ var("reporting_time_zone") }}') as time_zone,
    usage.usage_type,
    usage.direction,
    usage.data_usage_bytes,
    usage.voice_seconds,
    usage.sms_count,
    usage.session_seconds,
    usage.signal_strength_dbm,
    coalesce(usage.is_roaming, false) as is_roaming,
    usage.counterparty_hash,
    usage.counterparty_country,
    usage.mediation_source,
    usage.source_sequence
from {{ ref('stg_usage_records') }} as usage
left join {{ ref('int_services__calendar') }} as calendar on calendar.service_id = usage.service_id
