-- One row per customer, provider, currency and billing period with issued bills, and until when what was paid counts on
-- this line: to the issue of the account's next one, or to AS_OF.
with bill as (
    select bill.*, calendar.as_of_date
    from {{ ref('fct_bill') }} as bill
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    where bill.bill_status <> 'draft' and bill.issued_on <= calendar.as_of_date
),

period as (
    select
        customer_id,
        provider_id,
        currency,
        billing_period_start,
        billing_period_end,
        as_of_date,
        count(*) as bill_count,
        min(issued_on) as first_issued_on,
        max(issued_on) as issued_on,
        max(due_date) as due_date,
        sum(total_amount) as total_amount,
        sum(total_amount_reporting) as total_amount_reporting,
        sum(previous_balance_amount) as stated_previous_balance_amount,
        (array_agg(previous_balance_amount order by issued_on, bill_id))[1] as first_previous_balance_amount
    from bill
    group by customer_id, provider_id, currency, billing_period_start, billing_period_end, as_of_date
)

-- The bill of an account that was issued first states the opening balance; `billed_amount` is that of all its lines so far.
select
    customer_id,
    provider_id,
    currency,
    billing_period_start,
    billing_period_end,
    as_of_date,
    bill_count,
    issued_on,
    due_date,
    total_amount,
    total_amount_reporting,
    stated_previous_balance_amount,
    first_value(first_previous_balance_amount) over (
        partition by customer_id, provider_id, currency
        order by first_issued_on, billing_period_start, billing_period_end
    ) as opening_balance_amount,
    row_number() over account as statement_number,
    min(issued_on) over account as began_on,
    sum(total_amount) over account as billed_amount,
    coalesce(lead(issued_on) over account, as_of_date) as paid_to_date
from period
window account as (
    partition by customer_id, provider_id, currency order by issued_on, billing_period_start, billing_period_end
    rows between unbounded preceding and current row
)
