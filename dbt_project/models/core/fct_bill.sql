{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'billing_period_start', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window='whole',
    indexes=[
        {'columns': ['customer_id', 'billing_period_start', 'bill_status']}, {'columns': ['provider_id', 'issued_on']}
    ]
) }}

-- The newest issue of a bill is the bill.
with bill as (
    select distinct on (bill_id) *
    from {{ ref('stg_bills') }}
    order by bill_id, bill_version desc
)

select
    bill.bill_id,
    bill.bill_version,
    coalesce(provider.provider_id, {{ unknown_id() }}) as provider_id,
    bill.customer_id,
    coalesce(customer.customer_key, {{ unknown_key() }}) as customer_key,
    bill.billing_period_start,
    bill.billing_period_end,
    bill.issued_on,
    bill.due_date,
    bill.currency,
    bill.subtotal_amount,
    bill.discount_amount,
    bill.tax_amount,
    bill.total_amount,
    bill.previous_balance_amount,
    bill.amount_due,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    rate.rate as reporting_rate,
    bill.total_amount * rate.rate as total_amount_reporting,
    bill.bill_status,
    bill.paid_on
from bill
left join {{ ref('dim_provider') }} as provider on provider.provider_id = bill.provider_id
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = bill.customer_id
    and {{ holds_at('customer', day_start('bill.issued_on', "'" ~ var("reporting_time_zone") ~ "'")) }}
left join lateral (
    select 1::numeric as rate where bill.currency = '{{ var("reporting_currency") }}'
    union all
    (
        select exchange.rate
        from {{ ref('exchange_rates') }} as exchange
        where exchange.from_currency = bill.currency
            and exchange.to_currency = '{{ var("reporting_currency") }}'
            and exchange.rate_date between bill.billing_period_end - 31 and bill.billing_period_end
            and bill.currency <> '{{ var("reporting_currency") }}'
        order by exchange.rate_date desc
        limit 1
    )
) as rate on true
