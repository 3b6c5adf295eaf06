-- Network elements and customer devices in one list; what is asked of one class only is null for the other.
with elements as (
    select
        provider_id,
        'network_element' as equipment_class,
        element_type as equipment_type,
        vendor,
        model,
        max(greatest(updated_at, maintenance_data_through_at)) as data_through_at,
        count(*) filter (where state <> 'retired') as equipment_count,
        count(*) filter (where is_in_service) as elements_in_service_count,
        count(*) filter (where state = 'planned') as elements_planned_count,
        count(*) filter (where state = 'active') as elements_active_count,
        count(*) filter (where state = 'degraded') as elements_degraded_count,
        count(*) filter (where state = 'maintenance') as elements_in_maintenance_count,
        count(*) filter (where state = 'failed') as elements_failed_count,
        count(*) filter (where state = 'retired') as elements_retired_count,
        min(installed_on) filter (where is_in_service) as oldest_installed_on,
        round(avg(age_days) filter (where is_in_service) / 365.25, 6) as avg_age_years,
        count(*) filter (where is_in_service and end_of_support_on < as_of_date) as past_end_of_support_count,
        count(*) filter (
            where is_in_service
                and end_of_support_on between as_of_date and (as_of_date + interval '12 months')::date
        ) as end_of_support_within_12_months_count,
        min(end_of_support_on) filter (where is_in_service and end_of_support_on >= as_of_date)
            as next_end_of_support_on,
        case when has_maintenance then sum(maintenance_done_count)::bigint end as maintenance_done_count,
        case when has_maintenance then sum(maintenance_failed_count)::bigint end as maintenance_failed_count,
        case when has_maintenance then sum(maintenance_in_progress_count)::bigint end as maintenance_in_progress_count,
        case when has_maintenance then sum(maintenance_due_count)::bigint end as maintenance_due_count,
        case when has_maintenance then sum(maintenance_overdue_count)::bigint end as maintenance_overdue_count,
        case when has_maintenance then count(*) filter (where is_in_service and maintenance_ever_done_count = 0) end
            as elements_never_maintained_count
    from {{ ref('int_equipment__elements') }}
    group by provider_id, element_type, vendor, model, has_maintenance
),

devices as (
    select
        provider_id,
        'device' as equipment_class,
        device_type as equipment_type,
        coalesce(manufacturer, 'unknown') as vendor,
        coalesce(model, 'unknown') as model,
        max(updated_at) filter (where updated_at <= {{ as_of() }}) as data_through_at,
        count(*) as equipment_count,
        count(*) filter (where status = 'in_stock') as devices_in_stock_count,
        count(*) filter (where status = 'assigned') as devices_assigned_count,
        count(*) filter (where status = 'returned') as devices_returned_count,
        count(*) filter (where status = 'lost') as devices_lost_count,
        count(*) filter (where status = 'stolen') as devices_stolen_count
    from {{ ref('dim_device') }}
    group by provider_id, device_type, coalesce(manufacturer, 'unknown'), coalesce(model, 'unknown')
)

-- The two share no row: the class is part of the key.
select
    provider_id,
    provider.provider_name,
    equipment_class,
    equipment_type,
    vendor,
    model,
    {{ as_of() }} as as_of_at,
    coalesce(elements.data_through_at, devices.data_through_at) as data_through_at,
    coalesce(elements.equipment_count, devices.equipment_count) as equipment_count,
    elements.elements_in_service_count,
    elements.elements_planned_count,
    elements.elements_active_count,
    elements.elements_degraded_count,
    elements.elements_in_maintenance_count,
    elements.elements_failed_count,
    elements.elements_retired_count,
    devices.devices_in_stock_count,
    devices.devices_assigned_count,
    devices.devices_returned_count,
    devices.devices_lost_count,
    devices.devices_stolen_count,
    elements.oldest_installed_on,
    elements.avg_age_years,
    elements.past_end_of_support_count,
    elements.end_of_support_within_12_months_count,
    elements.next_end_of_support_on,
    elements.maintenance_done_count,
    elements.maintenance_failed_count,
    elements.maintenance_in_progress_count,
    elements.maintenance_due_count,
    elements.maintenance_overdue_count,
    elements.elements_never_maintained_count
from elements
full join devices using (provider_id, equipment_class, equipment_type, vendor, model)
inner join {{ ref('dim_provider') }} as provider using (provider_id)
