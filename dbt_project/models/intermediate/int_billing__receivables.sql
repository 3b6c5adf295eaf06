-- One row per provider, month and age of what was owed as the month ended (at AS_OF in the running one): bills that were
-- issued, and neither paid nor written off by then. A bill that is paid in part is owed whole until it is paid.
with owed as (
    select
        bill.provider_id,
        month_start::date as month_start_date,
        bill.issued_on,
        bill.due_date,
        least(bill.paid_on, bill.written_off_on) as gone_on,
        least((month_start + interval '1 month - 1 day')::date, calendar.as_of_date) as end_date,
        bill.total_amount_reporting
    from {{ ref('fct_bill') }} as bill
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    cross join lateral generate_series(
        bill.billed_month_start_date::timestamp,
        least(bill.paid_on, bill.written_off_on, calendar.as_of_date)::timestamp, interval '1 month'
    ) as month_start
    where bill.bill_status <> 'draft'
        -- Most are paid before a month has ended, and are owed at no end.
        and coalesce(
            least(bill.paid_on, bill.written_off_on)
            > least((bill.billed_month_start_date + interval '1 month - 1 day')::date, calendar.as_of_date),
            true
        )
)

select
    provider_id,
    month_start_date,
    case
        when end_date <= due_date then 'not_due'
        when end_date - due_date <= 30 then 'overdue_1_to_30_days'
        when end_date - due_date <= 60 then 'overdue_31_to_60_days'
        when end_date - due_date <= 90 then 'overdue_61_to_90_days'
        else 'overdue_over_90_days'
    end as item,
    sum(total_amount_reporting) as amount_reporting,
    count(*) as item_count
from owed
where issued_on <= end_date and coalesce(gone_on > end_date, true)
group by provider_id, month_start_date, item
