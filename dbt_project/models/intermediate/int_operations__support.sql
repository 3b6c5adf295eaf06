-- One row per provider and moment with tickets: those open then, and those opened in the last 30 local days.
select
    provider_id,
    moment,
    as_of_at,
    coalesce(recent.total_support_tickets, 0) as total_support_tickets,
    coalesce(counted.open_tickets, 0) as open_tickets,
    recent.avg_resolution_hours
from {{ ref('int_operations__counts') }} as counted
full join {{ ref('int_operations__tickets') }} as recent using (provider_id, moment, as_of_at)
