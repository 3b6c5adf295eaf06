-- One row per service and month with money of issued bills: billed in the month of issue, earned in the days charged.
with money as (
    select
        service_id,
        month_start_date,
        customer_id,
        provider_id,
        currency,
        reporting_rate,
        is_equipment or is_pass_through as is_beside_service,
        earned_amount,
        0::numeric as billed_amount
    from {{ ref('int_billing__earned') }}
    where service_id is not null
    union all
    select
        service_id,
        date_trunc('month', issued_on)::date,
        customer_id,
        provider_id,
        currency,
        reporting_rate,
        is_equipment or is_pass_through,
        0,
        amount
    from {{ ref('fct_bill_charge') }}
    where service_id is not null and not is_tax and bill_status <> 'draft' and {{ not_settled('issued_on') }}
)

select
    service_id,
    month_start_date,
    (array_agg(customer_id order by customer_id))[1] as customer_id,
    (array_agg(provider_id order by provider_id))[1] as provider_id,
    count(distinct currency) as currency_count,
    min(currency) as currency,
    sum(earned_amount) as earned_amount,
    coalesce(sum(earned_amount) filter (where not is_beside_service), 0) as earned_service_amount,
    sum(billed_amount) as billed_amount,
    coalesce(sum(billed_amount) filter (where not is_beside_service), 0) as billed_service_amount,
    sum(earned_amount * reporting_rate) as earned_amount_reporting,
    coalesce(sum(earned_amount * reporting_rate) filter (where not is_beside_service), 0)
        as earned_service_amount_reporting,
    sum(billed_amount * reporting_rate) as billed_amount_reporting,
    coalesce(sum(billed_amount * reporting_rate) filter (where not is_beside_service), 0)
        as billed_service_amount_reporting
from money
group by service_id, month_start_date
