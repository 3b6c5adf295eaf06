{# A table, since charges are many and bills of earlier months do not change. #}
{{ config(
    materialized='in_place', contract={'enforced': true},
    effect={'from': 'least(changed.billing_period_start, changed.issued_on)'},
    settles={'period': 'billing_period_start', 'margin_days': 62}
) }}

-- One row per service and issued bill that charges it: what for without tax, and what of it was used beyond the allowance.
select
    service_id,
    bill_id,
    billing_period_start,
    issued_on,
    currency,
    sum(amount_reporting) as charged_amount_reporting,
    coalesce(sum(amount_reporting) filter (where charge_type = 'overage'), 0) as overage_amount_reporting
from {{ ref('fct_bill_charge') }}
where not is_tax and bill_status <> 'draft' and service_id is not null
    and {{ not_settled('billing_period_start') }}
group by service_id, bill_id, billing_period_start, issued_on, currency
