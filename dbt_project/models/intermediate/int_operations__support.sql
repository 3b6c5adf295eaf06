-- One row per provider and moment with tickets: those open then, and those opened in the last 30 local days.
select
    provider_id,
    moment,
    as_of_at,
    count(*) filter (where is_recent) as total_support_tickets,
    count(*) filter (where resolved_at is null or resolved_at > as_of_at) as open_tickets,
    avg(resolution_hours) filter (where is_recent and resolved_at <= as_of_at) as avg_resolution_hours
from (
    select
        ticket.*,
        moment.moment,
        moment.as_of_at,
        ticket.created_date between moment.thirty_days_from_date and moment.last_ended_date as is_recent
    from {{ ref('fct_support_ticket') }} as ticket
    inner join {{ ref('int_providers__moments') }} as moment
        on moment.provider_id = ticket.provider_id and ticket.created_at <= moment.as_of_at
) as ticket
group by provider_id, moment, as_of_at
