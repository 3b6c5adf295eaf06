-- One row per provider with tickets: those open at AS_OF, and those opened in the last 30 local days.
select
    ticket.provider_id,
    count(*) filter (where ticket.is_recent) as total_support_tickets,
    count(*) filter (where ticket.resolved_at is null or ticket.resolved_at > {{ as_of() }}) as open_tickets,
    avg(ticket.resolution_hours) filter (where ticket.is_recent and ticket.resolved_at <= {{ as_of() }})
        as avg_resolution_hours
from (
    select
        ticket.*,
        ticket.created_date between calendar.thirty_days_from_date and calendar.last_ended_date as is_recent
    from {{ ref('fct_support_ticket') }} as ticket
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    where ticket.created_at <= {{ as_of() }}
) as ticket
group by ticket.provider_id
