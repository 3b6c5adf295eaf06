-- One row per as-of date and service in force with charges on bills issued in the 90 days before: what they sum to
-- without tax, of it what was used beyond the allowance, and bills half as dear again as those before.
with service_bill as (
    select
        charge.service_id,
        bill.bill_id,
        bill.issued_on,
        bill.currency,
        sum(charge.amount * bill.reporting_rate) as charged_amount,
        coalesce(sum(charge.amount * bill.reporting_rate) filter (where charge.charge_type = 'overage'), 0) as overage_amount
    from {{ ref('stg_bill_charges') }} as charge
    inner join {{ ref('fct_bill') }} as bill
        on bill.bill_id = charge.bill_id and bill.bill_version = charge.bill_version and bill.bill_status <> 'draft'
    where charge.charge_type <> 'tax' and charge.service_id is not null
    group by charge.service_id, bill.bill_id, bill.issued_on, bill.currency
),

compared as (
    select
        *,
        charged_amount > 1.5 * avg(charged_amount) over (
            partition by service_id, currency order by issued_on, bill_id rows between 3 preceding and 1 preceding
        ) as is_shock
    from service_bill
)

select
    service.as_of_date,
    service.service_id,
    sum(compared.charged_amount) filter (where compared.issued_on >= service.as_of_date - 90) as charged_amount_90d,
    sum(compared.overage_amount) filter (where compared.issued_on >= service.as_of_date - 90) as overage_amount_90d,
    count(*) filter (where compared.is_shock) as bill_shocks_365d
from {{ ref('int_features__services') }} as service
inner join compared
    on compared.service_id = service.service_id
    and compared.issued_on < service.as_of_date
    and compared.issued_on >= service.as_of_date - 365
where {{ not_settled('service.as_of_date') }}
group by service.as_of_date, service.service_id
