-- One row per as-of date and customer in service with failed payments in the 180 days before.
select customer.as_of_date, customer.customer_id, count(*) as failed_payments_180d
from (
    select distinct as_of_date, as_of_at, customer_id
    from {{ ref('int_features__services') }}
    where {{ not_settled('as_of_date') }}
) as customer
inner join {{ ref('fct_payment') }} as payment
    on payment.customer_id = customer.customer_id
    and payment.payment_status = 'failed'
    and payment.payment_date < customer.as_of_at
    and payment.payment_date >= customer.as_of_at - interval '4320 hours'
group by customer.as_of_date, customer.customer_id
