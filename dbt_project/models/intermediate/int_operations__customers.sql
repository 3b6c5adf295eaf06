-- One row per provider with customers: everybody who has or had a service of it by AS_OF.
with membership as (
    select distinct service.customer_id, service.provider_id
    from {{ ref('dim_service') }} as service
    where {{ holds_at('service', as_of()) }}
        and service.created_at <= {{ as_of() }}
        and service.service_id <> {{ unknown_id() }}
)

select
    membership.provider_id,
    count(*) as total_customers,
    count(*) filter (where customer.account_status = 'active') as active_customers,
    count(*) filter (
        where customer.created_at <= {{ as_of() }}
            and {{ local_day('customer.created_at', 'calendar.time_zone') }}
            between calendar.thirty_days_from_date and calendar.last_ended_date
    ) as new_customers_30d
from membership
inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = membership.customer_id and {{ holds_at('customer', as_of()) }}
group by membership.provider_id
