{{ config(indexes=[{'columns': ['source_element_id']}, {'columns': ['target_element_id']}]) }}

-- A link belongs to the provider and the zone of the element at which it begins.
select
    link.link_id,
    coalesce(source_element.element_id, {{ unknown_id() }}) as source_element_id,
    coalesce(target_element.element_id, {{ unknown_id() }}) as target_element_id,
    coalesce(source_element.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(source_element.zone_id, {{ unknown_id() }}) as zone_id,
    link.link_type,
    link.capacity_mbps,
    link.latency_ms,
    link.reliability_percentage,
    link.link_status,
    link.updated_at
from {{ ref('stg_network_topology') }} as link
left join {{ ref('dim_network_element') }} as source_element
    on source_element.element_id = link.source_element_id and source_element.is_current
left join {{ ref('dim_network_element') }} as target_element
    on target_element.element_id = link.target_element_id and target_element.is_current
