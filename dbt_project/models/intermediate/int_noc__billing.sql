-- One row per provider with customers who have an open bill on AS_OF's day, however old.
select
    bill.provider_id,
    100.0 * count(distinct bill.customer_id) filter (where bill.due_date < calendar.as_of_date)
    / count(distinct bill.customer_id) as overdue_billing_rate
from {{ ref('fct_bill') }} as bill
inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
where bill.bill_status <> 'draft'
    and bill.issued_on <= calendar.as_of_date
    and (bill.paid_on is null or bill.paid_on > calendar.as_of_date)
group by bill.provider_id
