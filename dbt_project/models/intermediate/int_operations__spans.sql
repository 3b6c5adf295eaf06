-- One row per provider, what is counted, and span of time [from_at, to_at) in which one of it was there: customers (who have
-- or had a service), those whose account was active, those whose account was made in the last 30 local days, open tickets.
with membership as (
    select
        customer_id,
        provider_id,
        range_agg(tstzrange(greatest(valid_from, created_at), valid_to)) as spans
    from {{ ref('dim_service') }}
    where service_id <> {{ unknown_id() }} and created_at < valid_to
    group by customer_id, provider_id
),

-- A day is among the last 30 from its end until 30 days later.
account as (
    select
        membership.provider_id,
        customer.account_status,
        membership.spans * tstzmultirange(tstzrange(customer.valid_from, customer.valid_to)) as spans,
        {{ local_day('customer.created_at', 'provider.time_zone') }} as created_date,
        provider.time_zone
    from membership
    inner join {{ ref('dim_customer') }} as customer on customer.customer_id = membership.customer_id
    inner join {{ ref('dim_provider') }} as provider on provider.provider_id = membership.provider_id
),

counted as (
    select 'total_customers' as counts, provider_id, spans
    from membership
    union all
    select 'active_customers', provider_id, spans
    from account
    where account_status = 'active'
    union all
    select
        'new_customers_30d',
        provider_id,
        spans * tstzmultirange(tstzrange(
            {{ day_start('created_date + 1', 'time_zone') }}, {{ day_start('created_date + 31', 'time_zone') }}
        ))
    from account
)

select counted.counts, counted.provider_id, lower(span) as from_at, upper(span) as to_at
from counted
cross join lateral unnest(counted.spans) as span
union all
select 'open_tickets', provider_id, created_at, coalesce(resolved_at, 'infinity'::timestamptz)
from {{ ref('fct_support_ticket') }}
where created_at < coalesce(resolved_at, 'infinity'::timestamptz)
