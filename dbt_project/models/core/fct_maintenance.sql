{{ config(effect={'from': 'least(changed.scheduled_at, changed.started_at)'}, indexes=[
    {'columns': ['element_id', 'scheduled_at']}, {'columns': ['provider_id', 'outcome']}, {'columns': ['scheduled_at']}
]) }}

-- Work belongs to the version of the element that held when it began, else when it was to begin.
select
    maintenance.maintenance_id,
    maintenance.element_id,
    coalesce(element.element_key, {{ unknown_key() }}) as element_key,
    coalesce(element.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(element.zone_id, {{ unknown_id() }}) as zone_id,
    maintenance.maintenance_type,
    maintenance.maintenance_type <> 'corrective' as is_planned,
    maintenance.outcome,
    maintenance.scheduled_at,
    maintenance.started_at,
    maintenance.completed_at,
    extract(epoch from maintenance.started_at - maintenance.scheduled_at) as delay_seconds,
    extract(epoch from maintenance.completed_at - maintenance.started_at) as maintenance_seconds,
    maintenance.cost,
    maintenance.currency,
    maintenance.updated_at
from {{ ref('stg_maintenance_events') }} as maintenance
left join {{ ref('dim_network_element') }} as element
    on element.element_id = maintenance.element_id
    and {{ holds_at('element', 'coalesce(maintenance.started_at, maintenance.scheduled_at)') }}
