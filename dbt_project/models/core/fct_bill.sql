{{ config(
    effect={'from': 'least(changed.billing_period_start, changed.issued_on)'},
    settles={'period': 'issued_on', 'margin_days': 62},
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
),

rated as (
    select
        bill.*,
        coalesce(provider.provider_id, {{ unknown_id() }}) as known_provider_id,
        coalesce(provider.time_zone, '{{ var("reporting_time_zone") }}') as time_zone,
        {{ reporting_rate('bill.currency', 'bill.billing_period_end') }} as reporting_rate
    from bill
    left join {{ ref('dim_provider') }} as provider on provider.provider_id = bill.provider_id
)

select
    bill.bill_id,
    bill.bill_version,
    bill.known_provider_id as provider_id,
    bill.customer_id,
    coalesce(customer.customer_key, {{ unknown_key() }}) as customer_key,
    bill.billing_period_start,
    bill.billing_period_end,
    bill.issued_on,
    date_trunc('month', bill.issued_on)::date as billed_month_start_date,
    bill.due_date,
    bill.currency,
    bill.subtotal_amount,
    bill.discount_amount,
    bill.tax_amount,
    bill.total_amount,
    bill.total_amount - bill.tax_amount as revenue_amount,
    bill.previous_balance_amount,
    bill.amount_due,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    bill.reporting_rate,
    bill.total_amount * bill.reporting_rate as total_amount_reporting,
    bill.tax_amount * bill.reporting_rate as tax_amount_reporting,
    (bill.total_amount - bill.tax_amount) * bill.reporting_rate as revenue_amount_reporting,
    bill.bill_status,
    bill.paid_on,
    -- No date of the source says it; the version that says so first is not kept, so it is the newest one's.
    case when bill.bill_status = 'written_off' then {{ local_day('bill.updated_at', 'bill.time_zone') }} end
        as written_off_on
from rated as bill
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = bill.customer_id
    and {{ holds_at('customer', day_start('bill.issued_on', 'bill.time_zone')) }}
