-- One row per provider and moment with tickets that were opened in the last 30 local days.
select
    ticket.provider_id,
    day.moment,
    day.as_of_at,
    count(*) as total_support_tickets,
    avg(ticket.resolution_hours) filter (where ticket.resolved_at <= day.as_of_at) as avg_resolution_hours
from {{ ref('fct_support_ticket') }} as ticket
inner join {{ ref('int_providers__last_30_days') }} as day
    on day.provider_id = ticket.provider_id and day.local_date = ticket.created_date
group by ticket.provider_id, day.moment, day.as_of_at
