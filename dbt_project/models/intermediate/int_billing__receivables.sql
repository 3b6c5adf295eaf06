-- One row per provider, month and age of what was owed as the month ended (at AS_OF in the running one): bills that were
-- issued, and neither paid nor written off by then. A bill that is paid in part is owed whole until it is paid.
with history as (
    select provider_id, min(billed_month_start_date) as first_month
    from {{ ref('fct_bill') }}
    where bill_status <> 'draft'
    group by provider_id
),

month_end as (
    select
        calendar.provider_id,
        month_start::date as month_start_date,
        least((month_start + interval '1 month - 1 day')::date, calendar.as_of_date) as end_date
    from {{ ref('int_providers__calendar') }} as calendar
    inner join history using (provider_id)
    cross join lateral generate_series(history.first_month::timestamp, calendar.as_of_date::timestamp, interval '1 month')
        as month_start
)

select
    month_end.provider_id,
    month_end.month_start_date,
    case
        when month_end.end_date <= bill.due_date then 'not_due'
        when month_end.end_date - bill.due_date <= 30 then 'overdue_1_to_30_days'
        when month_end.end_date - bill.due_date <= 60 then 'overdue_31_to_60_days'
        when month_end.end_date - bill.due_date <= 90 then 'overdue_61_to_90_days'
        else 'overdue_over_90_days'
    end as item,
    sum(bill.total_amount_reporting) as amount_reporting,
    count(*) as item_count
from month_end
inner join {{ ref('fct_bill') }} as bill
    on bill.provider_id = month_end.provider_id
    and bill.issued_on <= month_end.end_date
    and (bill.paid_on is null or bill.paid_on > month_end.end_date)
    and (bill.written_off_on is null or bill.written_off_on > month_end.end_date)
where bill.bill_status <> 'draft'
group by month_end.provider_id, month_end.month_start_date, item
