{{ config(indexes=[{'columns': ['customer_id', 'ticket_status']}, {'columns': ['created_at']}]) }}

-- A ticket belongs to its service's provider, else to the customer's primary one when it was opened: of the interval
-- in force then, else of the latest before, else of the first after.
select
    ticket.ticket_id,
    ticket.customer_id,
    coalesce(customer.customer_key, {{ unknown_key() }}) as customer_key,
    ticket.service_id,
    coalesce(service.service_key, {{ unknown_key() }}) as service_key,
    coalesce(service.provider_id, membership.provider_id, {{ unknown_id() }}) as provider_id,
    {{ local_day('ticket.created_at', 'provider.time_zone') }} as created_date,
    ticket.category,
    ticket.priority,
    ticket.ticket_status,
    ticket.created_at,
    ticket.first_response_at,
    ticket.resolved_at,
    extract(epoch from ticket.resolved_at - ticket.created_at) / 3600 as resolution_hours,
    coalesce(ticket.reopened_count, 0) as reopened_count,
    ticket.customer_satisfaction_rating,
    ticket.updated_at
from {{ ref('stg_support_tickets') }} as ticket
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = ticket.customer_id and {{ holds_at('customer', 'ticket.created_at') }}
left join {{ ref('dim_service') }} as service
    on service.service_id = ticket.service_id and {{ holds_at('service', 'ticket.created_at') }}
left join lateral (
    select bridge.provider_id
    from {{ ref('bridge_customer_provider') }} as bridge
    where bridge.customer_id = ticket.customer_id and bridge.is_primary
    order by
        (bridge.valid_from <= ticket.created_at and ticket.created_at < bridge.valid_to) desc,
        (bridge.valid_to <= ticket.created_at) desc,
        case when bridge.valid_to <= ticket.created_at then bridge.valid_to end desc,
        bridge.valid_from
    limit 1
) as membership on true
inner join {{ ref('dim_provider') }} as provider
    on provider.provider_id = coalesce(service.provider_id, membership.provider_id, {{ unknown_id() }})
