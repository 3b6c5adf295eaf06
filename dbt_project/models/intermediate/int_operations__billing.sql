-- One row per provider and moment with bills of the month that ends on its day; their state then comes from their dates.
with month_day as (
    select moment.*, day::date as issued_on
    from {{ ref('int_providers__moments') }} as moment
    cross join lateral generate_series(
        (moment.as_of_date - interval '1 month')::date + interval '1 day', moment.as_of_date::timestamp, interval '1 day'
    ) as day
)

select
    provider_id,
    month_day.moment,
    month_day.as_of_at,
    sum(bill.total_amount_reporting) as monthly_revenue,
    count(*) as bills,
    count(*) filter (where bill.paid_on <= month_day.as_of_date) as paid_bills,
    count(*) filter (
        where bill.due_date < month_day.as_of_date and (bill.paid_on is null or bill.paid_on > month_day.as_of_date)
    ) as overdue_bills
from {{ ref('fct_bill') }} as bill
inner join month_day using (provider_id, issued_on)
where bill.bill_status <> 'draft'
group by provider_id, month_day.moment, month_day.as_of_at
