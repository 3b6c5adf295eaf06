-- One row per provider and closed month since its first bill: what was owed as the month ended, beside what was billed.
with issued as (
    select
        provider_id,
        issued_on,
        sum(total_amount_reporting) as amount_reporting,
        count(*) as bills,
        count(*) filter (where paid_on < {{ month_of('issued_on') }} + interval '1 month') as bills_paid_in_month
    from {{ ref('fct_bill') }}
    where bill_status <> 'draft'
    group by provider_id, issued_on
),

month as (
    select
        first.provider_id,
        first.first_issued_on,
        month_start::date as month_start_date,
        (month_start + interval '1 month - 1 day')::date as end_date
    from (select provider_id, min(issued_on) as first_issued_on from issued group by provider_id) as first
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    cross join lateral generate_series(
        {{ month_of('first.first_issued_on') }}::timestamp, calendar.last_ended_date::timestamp, interval '1 month'
    ) as month_start
    where (month_start + interval '1 month - 1 day')::date <= calendar.last_ended_date
),

billed as (
    select
        month.provider_id, month.month_start_date, month.end_date, month.first_issued_on,
        sum(issued.amount_reporting) filter (
            where issued.issued_on > month.end_date - {{ kpi_parameter('sales_outstanding_days') }}::integer
        ) as recent_amount_reporting,
        sum(issued.bills) filter (where issued.issued_on >= month.month_start_date) as month_bills,
        sum(issued.bills_paid_in_month) filter (where issued.issued_on >= month.month_start_date) as paid_bills
    from month
    inner join issued
        on issued.provider_id = month.provider_id and issued.issued_on <= month.end_date
        and issued.issued_on
        > least(month.end_date - {{ kpi_parameter('sales_outstanding_days') }}::integer, month.month_start_date - 1)
    group by month.provider_id, month.month_start_date, month.end_date, month.first_issued_on
),

owed as (
    select
        provider_id, month_start_date,
        sum(amount_reporting) as amount_reporting,
        coalesce(sum(amount_reporting) filter (where item <> 'not_due'), 0) as overdue_amount_reporting
    from {{ ref('int_billing__receivables') }}
    group by provider_id, month_start_date
)

select
    billed.provider_id,
    billed.month_start_date,
    coalesce(owed.amount_reporting, 0) as receivables_amount_reporting,
    case
        when billed.end_date - billed.first_issued_on >= {{ kpi_parameter('sales_outstanding_days') }} - 1
            then coalesce(owed.amount_reporting, 0) * {{ kpi_parameter('sales_outstanding_days') }}
                / nullif(billed.recent_amount_reporting, 0)
    end as days_sales_outstanding,
    100 * owed.overdue_amount_reporting / nullif(owed.amount_reporting, 0) as overdue_percentage,
    100 * billed.paid_bills / billed.month_bills as payment_rate_percentage
from billed
left join owed using (provider_id, month_start_date)
