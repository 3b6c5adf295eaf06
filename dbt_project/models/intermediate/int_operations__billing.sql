-- One row per provider with bills of the month that ends on AS_OF's day; their state then comes from their dates.
select
    bill.provider_id,
    sum(bill.total_amount_reporting) as monthly_revenue,
    count(*) as bills,
    count(*) filter (where bill.paid_on <= calendar.as_of_date) as paid_bills,
    count(*) filter (
        where bill.due_date < calendar.as_of_date and (bill.paid_on is null or bill.paid_on > calendar.as_of_date)
    ) as overdue_bills
from {{ ref('fct_bill') }} as bill
inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
where bill.bill_status <> 'draft'
    and bill.issued_on > (calendar.as_of_date - interval '1 month')::date
    and bill.issued_on <= calendar.as_of_date
group by bill.provider_id
