{{ config(
    effect={'from': 'changed.payment_date'},
    settles={'period': 'payment_date', 'margin_days': 62},
    indexes=[{'columns': ['customer_id', 'payment_date']}, {'columns': ['bill_id']}]
) }}

-- A payment belongs to its bill's provider; one that names no bill, or none that came yet, to the unknown one.
with payment as (
    select
        payment.*,
        bill.bill_id is not null as has_bill,
        provider.provider_id,
        {{ local_day('payment.payment_date', 'provider.time_zone') }} as paid_date
    from {{ ref('stg_payments') }} as payment
    left join {{ ref('fct_bill') }} as bill on bill.bill_id = payment.bill_id
    inner join {{ ref('dim_provider') }} as provider
        on provider.provider_id = coalesce(bill.provider_id, {{ unknown_id() }})
),

rated as (
    select payment.*, {{ reporting_rate('payment.currency', 'payment.paid_date') }} as reporting_rate
    from payment
)

select
    payment.payment_id,
    payment.bill_id,
    payment.has_bill,
    payment.provider_id,
    payment.customer_id,
    coalesce(customer.customer_key, {{ unknown_key() }}) as customer_key,
    payment.payment_date,
    payment.paid_date,
    payment.currency,
    payment.amount,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    payment.reporting_rate,
    payment.amount * payment.reporting_rate as amount_reporting,
    payment.payment_method,
    payment.is_auto_pay,
    payment.payment_status,
    payment.updated_at
from rated as payment
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = payment.customer_id and {{ holds_at('customer', 'payment.payment_date') }}
