{# A table, since charges are many and months that ended do not change. #}
{{ config(
    materialized='in_place', contract={'enforced': true},
    settles={'period': 'month_start_date', 'granularity': 'month', 'margin_days': 3}
) }}

-- One row per provider, month of issue, type of charge and plan: what issued bills charge by AS_OF without tax.
select
    charge.provider_id,
    date_trunc('month', charge.issued_on)::date as month_start_date,
    charge.charge_type,
    coalesce(charge.plan_id, {{ unknown_id() }}) as plan_id,
    sum(charge.amount_reporting) as amount_reporting,
    count(*) as item_count
from {{ ref('fct_bill_charge') }} as charge
inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
where not charge.is_tax and charge.bill_status <> 'draft' and charge.issued_on <= calendar.as_of_date
    and {{ not_settled('charge.issued_on') }}
group by 1, 2, 3, 4
