-- One row per provider, month and customer with charges of a whole account, which belong to no service.
select
    earned.provider_id,
    earned.month_start_date,
    earned.customer_id,
    coalesce(class.customer_class, 'unknown') as customer_class,
    sum(earned.earned_amount * earned.reporting_rate) as earned_amount_reporting,
    sum(earned.earned_amount * earned.reporting_rate) filter (where not earned.is_equipment and not earned.is_pass_through)
        as earned_service_amount_reporting
from {{ ref('int_billing__earned') }} as earned
inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = earned.customer_id
    and {{ holds_at('customer', 'least(' ~ day_start("(earned.month_start_date + interval '1 month')", 'calendar.time_zone')
        ~ ", calendar.as_of_at) - interval '1 microsecond'") }}
left join {{ ref('customer_classes') }} as class on class.customer_type = customer.customer_type
where earned.service_id is null
group by earned.provider_id, earned.month_start_date, earned.customer_id, class.customer_class
