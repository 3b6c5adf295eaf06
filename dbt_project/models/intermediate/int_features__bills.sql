{# A table, since several models stand on it. #}
{{ config(
    effect={'from': 'changed.as_of_date'}, settles={'period': 'as_of_date', 'margin_days': 1},
    materialized='in_place', contract={'enforced': true}
) }}

-- One row per as-of date and customer in service with bills issued before it; their state comes from their dates.
with bill as (
    select
        *,
        total_amount > 1.5 * avg(total_amount) over (
            partition by customer_id, provider_id, currency order by issued_on, bill_id
            rows between 3 preceding and 1 preceding
        ) as is_shock
    from {{ ref('fct_bill') }}
    where bill_status <> 'draft'
),

customer as (
    select distinct as_of_date, customer_id from {{ ref('int_features__services') }} where {{ not_settled('as_of_date') }}
),

dated as (
    select
        customer.as_of_date,
        bill.*,
        -- The day until which it was not paid, as was known before the as-of date.
        least(coalesce(bill.paid_on, customer.as_of_date), customer.as_of_date) as open_until_date,
        bill.paid_on is null or bill.paid_on >= customer.as_of_date as is_open,
        bill.issued_on >= customer.as_of_date - 90 as is_90d
    from customer
    inner join bill on bill.customer_id = customer.customer_id and bill.issued_on < customer.as_of_date
)

select
    as_of_date,
    customer_id,
    count(*) filter (where is_90d) as bills_90d,
    sum(total_amount_reporting) filter (where is_90d) as billed_amount_90d_reporting,
    count(*) filter (where is_shock and issued_on >= as_of_date - 365) as bill_shocks_365d,
    count(*) filter (where is_open) as open_bills,
    coalesce(max(as_of_date - due_date) filter (where is_open and due_date < as_of_date), 0) as overdue_days,
    count(*) filter (
        where is_open and due_date < as_of_date
            and billing_period_start >= (as_of_date - interval '12 months')::date
    ) as overdue_bills_12m,
    count(*) filter (where due_date < open_until_date and issued_on >= as_of_date - 365) as late_bills_365d,
    coalesce(
        sum(open_until_date - due_date) filter (where due_date < open_until_date and issued_on >= as_of_date - 365), 0
    ) as overdue_days_365d
from dated
group by as_of_date, customer_id
