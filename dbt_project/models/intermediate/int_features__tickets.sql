{%- set reporting_time_zone = "'" ~ var('reporting_time_zone') ~ "'" -%}
-- One row per as-of date, customer in service and service that tickets before it are about (null: about none). What
-- came after the as-of instant, a resolution or a rating with it, is not known yet.
select
    customer.as_of_date,
    customer.customer_id,
    ticket.service_id,
    count(*) filter (where ticket.created_at >= customer.as_of_at - interval '2160 hours') as tickets_90d,
    count(*) filter (
        where ticket.created_at >= {{ day_start("(customer.as_of_date - interval '6 months')::date", reporting_time_zone) }}
    ) as tickets_6m,
    count(*) filter (where ticket.resolved_at is null or ticket.resolved_at >= customer.as_of_at) as open_tickets,
    sum(ticket.customer_satisfaction_rating) filter (
        where ticket.resolved_at < customer.as_of_at and ticket.resolved_at >= customer.as_of_at - interval '8760 hours'
    ) as satisfaction_sum,
    count(ticket.customer_satisfaction_rating) filter (
        where ticket.resolved_at < customer.as_of_at and ticket.resolved_at >= customer.as_of_at - interval '8760 hours'
    ) as satisfaction_count
from (
    select distinct as_of_date, as_of_at, customer_id
    from {{ ref('int_features__services') }}
    where {{ not_settled('as_of_date') }}
) as customer
inner join {{ ref('fct_support_ticket') }} as ticket
    on ticket.customer_id = customer.customer_id and ticket.created_at < customer.as_of_at
group by customer.as_of_date, customer.customer_id, ticket.service_id
