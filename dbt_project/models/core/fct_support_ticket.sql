{{ config(
    effect={'from': 'changed.created_at'},
    indexes=[{'columns': ['customer_id', 'ticket_status']}, {'columns': ['created_at']}]
) }}

-- A ticket belongs to its service's provider, else to the customer's primary one when it was opened.
with owned as (
    select
        ticket.*,
        {{ owner_columns('ticket', 'created_at') }},
        lead(ticket.created_at) over (
            partition by ticket.customer_id, ticket.category order by ticket.created_at, ticket.ticket_id
        ) as next_created_at
    from {{ ref('stg_support_tickets') }} as ticket
    {{ owner_joins('ticket', 'created_at') }}
)

select
    owned.ticket_id,
    owned.customer_id,
    coalesce(owned.customer_key, {{ unknown_key() }}) as customer_key,
    owned.service_id,
    coalesce(owned.service_key, {{ unknown_key() }}) as service_key,
    owned.provider_id,
    coalesce(owned.zone_id, {{ unknown_id() }}) as zone_id,
    {{ local_day('owned.created_at', 'provider.time_zone') }} as created_date,
    owned.category,
    owned.priority,
    owned.ticket_status,
    owned.created_at,
    owned.first_response_at,
    owned.resolved_at,
    extract(epoch from owned.first_response_at - owned.created_at) / 3600 as first_response_hours,
    extract(epoch from owned.resolved_at - owned.created_at) / 3600 as resolution_hours,
    coalesce(owned.reopened_count, 0) as reopened_count,
    -- Seven days as hours: a day of a change of clocks is no longer than another.
    case
        when owned.resolved_at is not null then
            coalesce(owned.reopened_count, 0) = 0
            and coalesce(owned.next_created_at > owned.resolved_at + interval '168 hours', true)
    end as is_first_contact_resolution,
    owned.customer_satisfaction_rating,
    owned.updated_at
from owned
inner join {{ ref('dim_provider') }} as provider on provider.provider_id = owned.provider_id
