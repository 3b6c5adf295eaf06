-- One row per customer, provider, currency and billing period with issued bills that is not settled: what was paid and
-- written off until the account's next statement, and what is left. The statements of an account follow each other: what
-- one leaves open is the next one's previous balance. A write-off counts from the day after the issue, as a payment does.
with open_line as (
    select * from {{ ref('int_billing__statements') }} where {{ not_settled('paid_to_date', days_before=2) }}
),

account as (
    select customer_id, provider_id, currency, min(began_on) as began_on, min(issued_on) as first_issued_on
    from open_line
    group by customer_id, provider_id, currency
),

movement as (
    select customer_id, provider_id, currency, paid_date as moved_on, amount as payment_amount, 0 as lost_amount
    from {{ ref('fct_payment') }}
    where payment_status = 'settled' and payment_date <= {{ as_of() }}
    union all
    select customer_id, provider_id, currency, greatest(written_off_on, issued_on + 1), 0, total_amount
    from {{ ref('fct_bill') }}
    where bill_status <> 'draft' and written_off_on is not null
),

-- Statements and movements in their order, so that each movement falls to the statement before it, without a join of two
-- results whose sizes PostgreSQL cannot guess. Of what moved before the first open statement only the sum matters.
event as (
    select
        customer_id, provider_id, currency, issued_on as event_date, statement_number, billing_period_start,
        billing_period_end, issued_on, due_date, paid_to_date, as_of_date, bill_count, total_amount, total_amount_reporting,
        stated_previous_balance_amount, opening_balance_amount, billed_amount, 0.00 as payment_amount, 0.00 as lost_amount
    from open_line
    union all
    select
        customer_id, provider_id, currency, greatest(movement.moved_on, account.first_issued_on), null, null,
        null, null, null, null, null, null, null, null,
        null, null, null, sum(movement.payment_amount), sum(movement.lost_amount)
    from movement
    inner join account using (customer_id, provider_id, currency)
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    where movement.moved_on > account.began_on and movement.moved_on <= calendar.as_of_date
    group by customer_id, provider_id, currency, greatest(movement.moved_on, account.first_issued_on)
),

-- What moved before each statement, and in all: between two statements it is the difference.
moved as (
    select
        *,
        coalesce(sum(payment_amount) over before_it, 0) as payments_before,
        coalesce(sum(lost_amount) over before_it, 0) as lost_before,
        sum(payment_amount) over account as payments_in_all,
        sum(lost_amount) over account as lost_in_all
    from event
    window
        account as (partition by customer_id, provider_id, currency),
        before_it as (
            partition by customer_id, provider_id, currency order by event_date, statement_number nulls first
            rows between unbounded preceding and current row
        )
),

line as (
    select
        *,
        lead(payments_before, 1, payments_in_all) over account as payments_through,
        lead(lost_before, 1, lost_in_all) over account as lost_through
    from moved
    where statement_number is not null
    window account as (partition by customer_id, provider_id, currency order by statement_number)
)

select
    customer_id,
    provider_id,
    currency,
    billing_period_start,
    billing_period_end,
    issued_on,
    due_date,
    paid_to_date,
    as_of_date,
    statement_number,
    bill_count,
    total_amount,
    total_amount_reporting,
    stated_previous_balance_amount,
    opening_balance_amount,
    payments_through - payments_before as payments_amount,
    lost_through - lost_before as written_off_amount,
    opening_balance_amount + billed_amount - payments_through - lost_through as balance_amount
from line
