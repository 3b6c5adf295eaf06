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
        max(issued_on) as issued_on,
        max(due_date) as due_date,
        sum(total_amount) as total_amount,
        sum(total_amount_reporting) as total_amount_reporting,
        sum(previous_balance_amount) as stated_previous_balance_amount
    from bill
    group by customer_id, provider_id, currency, billing_period_start, billing_period_end, as_of_date
),

-- Of several bills in the first period the first that was issued states the opening balance.
opening as (
    select distinct on (customer_id, provider_id, currency)
        customer_id,
        provider_id,
        currency,
        previous_balance_amount as opening_balance_amount
    from bill
    order by customer_id, provider_id, currency, issued_on, billing_period_start, billing_period_end, bill_id
)

select
    period.*,
    opening.opening_balance_amount,
    row_number() over account as statement_number,
    coalesce(lead(period.issued_on) over account, period.as_of_date) as paid_to_date
from period
inner join opening using (customer_id, provider_id, currency)
window account as (
    partition by period.customer_id, period.provider_id, period.currency
    order by period.issued_on, period.billing_period_start, period.billing_period_end
)
