{{ config(effect={'from': 'changed.outage_start'}, indexes=[
    {'columns': ['provider_id', 'outage_status']}, {'columns': ['outage_start']}, {'columns': ['element_id', 'outage_start']},
    {'columns': ['affected_area'], 'type': 'gin'}, {'columns': ['affected_box'], 'type': 'gist'}
]) }}

-- The zone is the outage's own, else the one in which its element stood when it began.
select
    outage.outage_id,
    coalesce(provider.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(zone.zone_id, element.zone_id, {{ unknown_id() }}) as zone_id,
    outage.element_id,
    coalesce(element.element_key, {{ unknown_key() }}) as element_key,
    outage.affected_service,
    outage.outage_type,
    outage.outage_type = 'planned' as is_planned,
    outage.outage_status,
    outage.outage_start,
    outage.discovered_at,
    outage.estimated_restoration,
    outage.actual_restoration,
    extract(epoch from outage.actual_restoration - outage.outage_start) as outage_seconds,
    extract(epoch from outage.discovered_at - outage.outage_start) as discovery_seconds,
    outage.affected_customers,
    outage.affected_numbers,
    outage.affected_user_minutes,
    outage.affected_customers * extract(epoch from outage.actual_restoration - outage.outage_start) / 60
        as affected_customer_minutes,
    outage.oc3_minutes,
    outage.affected_area,
    {{ bounding_box('outage.affected_area') }} as affected_box,
    outage.county_fips,
    outage.affects_911,
    outage.affects_988,
    outage.is_mobile_switching_centre,
    outage.is_special_facility,
    outage.psap_ids,
    outage.psap_notified_at,
    outage.nors_notified_at,
    outage.nors_initial_filed_at,
    outage.nors_final_filed_at,
    outage.nors_number,
    outage.facility_followup_at,
    outage.root_cause,
    outage.updated_at
from {{ ref('stg_outages') }} as outage
left join {{ ref('dim_provider') }} as provider on provider.provider_id = outage.provider_id
left join {{ ref('dim_service_zone') }} as zone on zone.zone_id = outage.zone_id
left join {{ ref('dim_network_element') }} as element
    on element.element_id = outage.element_id and {{ holds_at('element', 'outage.outage_start') }}
