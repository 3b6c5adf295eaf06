-- One row per as-of date and element in service: its unplanned outages and its maintenance before.
with element as (
    select as_of_date, as_of_at, element_id from {{ ref('int_features__elements') }} where {{ not_settled('as_of_date') }}
),

failure as (
    select
        element.as_of_date,
        element.element_id,
        count(*) filter (where outage.outage_start >= element.as_of_at - interval '8760 hours') as failures_365d,
        max(outage.outage_start) as last_failure_at
    from element
    inner join {{ ref('fct_outage') }} as outage
        on outage.element_id = element.element_id
        and not outage.is_planned
        and outage.outage_start < element.as_of_at
    group by element.as_of_date, element.element_id
),

maintenance as (
    select
        element.as_of_date,
        element.element_id,
        max(work.completed_at) filter (where work.completed_at < element.as_of_at and work.outcome = 'completed')
            as last_maintenance_at,
        count(*) filter (
            where work.maintenance_type = 'corrective' and work.started_at >= element.as_of_at - interval '8760 hours'
                and work.started_at < element.as_of_at
        ) as corrective_maintenance_365d,
        count(*) filter (
            where work.outcome <> 'cancelled' and (work.completed_at is null or work.completed_at >= element.as_of_at)
        ) as overdue_maintenance
    from element
    inner join {{ ref('fct_maintenance') }} as work
        on work.element_id = element.element_id and work.scheduled_at < element.as_of_at
    group by element.as_of_date, element.element_id
)

select
    element.as_of_date,
    element.element_id,
    coalesce(failure.failures_365d, 0) as failures_365d,
    failure.last_failure_at,
    coalesce(maintenance.corrective_maintenance_365d, 0) as corrective_maintenance_365d,
    coalesce(maintenance.overdue_maintenance, 0) as overdue_maintenance,
    maintenance.last_maintenance_at
from element
left join failure using (as_of_date, element_id)
left join maintenance using (as_of_date, element_id)
