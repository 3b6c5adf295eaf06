{# A table, since charges are many and bills of earlier months do not change. #}
{{ config(
    materialized='in_place', contract={'enforced': true},
    effect={'from': 'least(changed.billing_period_start, changed.issued_on)'},
    settles={'period': 'billing_period_start', 'margin_days': 62},
    indexes=[{'columns': ['customer_id', 'billing_period_start']}]
) }}

-- One row per bill with charges: what they sum to by type, and the services that they are for.
select
    bill_id,
    customer_id,
    provider_id,
    currency,
    billing_period_start,
    billing_period_end,
    issued_on,
    bill_status,
    coalesce(array_agg(distinct service_id order by service_id) filter (where service_id is not null), '{}') as service_ids,
    {% for kind in bill_charge_kinds() -%}
    coalesce(sum(amount) filter (where charge_type = '{{ kind }}'), 0) as {{ kind }}_amount,
    {% endfor -%}
    sum(amount) as charges_amount
from {{ ref('fct_bill_charge') }}
where {{ not_settled('billing_period_start') }}
group by
    bill_id, customer_id, provider_id, currency, billing_period_start, billing_period_end, issued_on, bill_status
