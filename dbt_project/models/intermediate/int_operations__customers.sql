-- One row per provider and moment with customers: everybody who has or had a service of it by then.
with membership as (
    select distinct
        service.customer_id,
        moment.provider_id,
        moment.moment,
        moment.as_of_at,
        moment.time_zone,
        moment.thirty_days_from_date,
        moment.last_ended_date
    from {{ ref('dim_service') }} as service
    inner join {{ ref('int_providers__moments') }} as moment
        on moment.provider_id = service.provider_id
        and {{ holds_at('service', 'moment.as_of_at') }}
        and service.created_at <= moment.as_of_at
    where service.service_id <> {{ unknown_id() }}
)

select
    membership.provider_id,
    membership.moment,
    membership.as_of_at,
    count(*) as total_customers,
    count(*) filter (where customer.account_status = 'active') as active_customers,
    count(*) filter (
        where customer.created_at <= membership.as_of_at
            and {{ local_day('customer.created_at', 'membership.time_zone') }}
            between membership.thirty_days_from_date and membership.last_ended_date
    ) as new_customers_30d
from membership
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = membership.customer_id and {{ holds_at('customer', 'membership.as_of_at') }}
group by membership.provider_id, membership.moment, membership.as_of_at
