{{ config(materialized='view', contract={'enforced': false}) }}

-- Every join finds one row: the version that held when the usage began, else the unknown member.
select
    usage.usage_id,
    usage.usage_timestamp,
    usage.service_id,
    coalesce(service.service_key, {{ unknown_key() }}) as service_key,
    coalesce(service.provider_id, {{ unknown_id() }}) as provider_id,
    case
        when element.zone_id <> {{ unknown_id() }} then element.zone_id
        else coalesce(service.zone_id, {{ unknown_id() }})
    end as zone_id,
    coalesce(usage.element_id, {{ unknown_id() }}) as element_id,
    coalesce(element.element_key, {{ unknown_key() }}) as element_key,
    usage.device_id,
    usage.time_zone,
    usage.usage_type,
    usage.direction,
    usage.data_usage_bytes,
    usage.voice_seconds,
    usage.sms_count,
    usage.session_seconds,
    usage.signal_strength_dbm,
    usage.is_roaming,
    usage.counterparty_hash,
    usage.counterparty_country,
    usage.mediation_source,
    usage.source_sequence
from {{ ref('int_usage__records') }} as usage
left join {{ ref('dim_service') }} as service
    on service.service_id = usage.service_id and {{ holds_at('service', 'usage.usage_timestamp') }}
left join {{ ref('dim_network_element') }} as element
    on element.element_id = usage.element_id and {{ holds_at('element', 'usage.usage_timestamp') }}
