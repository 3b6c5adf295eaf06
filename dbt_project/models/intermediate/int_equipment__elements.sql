-- One row per network element at AS_OF: its state, age and end of support by its own local day, and its maintenance.
with element as (
    select version.*, {{ as_of_day('version.time_zone') }} as as_of_date
    from {{ ref('dim_network_element') }} as version
    where version.element_id <> {{ unknown_id() }} and {{ holds_at('version', as_of()) }}
),

placed as (
    select
        *,
        -- What is to be installed later is still planned.
        case
            when operational_status <> 'retired' and installed_on > as_of_date then 'planned'
            else operational_status
        end as state
    from element
),

-- Zero visits are only zero where maintenance was delivered at all.
feed as (
    select count(*) > 0 as has_maintenance from {{ ref('int_equipment__maintenance') }}
)

select
    placed.element_id,
    placed.provider_id,
    placed.element_type,
    coalesce(placed.vendor, 'unknown') as vendor,
    coalesce(placed.model, 'unknown') as model,
    placed.as_of_date,
    placed.state,
    placed.state not in ('planned', 'retired') as is_in_service,
    placed.installed_on,
    placed.as_of_date - placed.installed_on as age_days,
    placed.end_of_support_on,
    case when placed.updated_at <= {{ as_of() }} then placed.updated_at end as updated_at,
    maintenance.data_through_at as maintenance_data_through_at,
    coalesce(maintenance.maintenance_ever_done_count, 0) as maintenance_ever_done_count,
    coalesce(maintenance.maintenance_done_count, 0) as maintenance_done_count,
    coalesce(maintenance.maintenance_failed_count, 0) as maintenance_failed_count,
    coalesce(maintenance.maintenance_in_progress_count, 0) as maintenance_in_progress_count,
    coalesce(maintenance.maintenance_due_count, 0) as maintenance_due_count,
    coalesce(maintenance.maintenance_overdue_count, 0) as maintenance_overdue_count,
    feed.has_maintenance
from placed
cross join feed
left join {{ ref('int_equipment__maintenance') }} as maintenance using (element_id)
