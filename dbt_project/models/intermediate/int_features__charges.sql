{# A table, so that it is computed beside the use. #}
{{ config(
    effect={'from': 'changed.as_of_date'}, settles={'period': 'as_of_date', 'margin_days': 1},
    materialized='in_place', contract={'enforced': true}
) }}

-- One row per as-of date and service in force with charges on bills issued in the 365 days before: what those of the last
-- 90 sum to without tax, of it what was used beyond the allowance, and bills half as dear again as those before.
with compared as (
    select
        *,
        charged_amount_reporting > 1.5 * avg(charged_amount_reporting) over (
            partition by service_id, currency order by issued_on, bill_id rows between 3 preceding and 1 preceding
        ) as is_shock
    from {{ ref('int_billing__service_bills') }}
)

select
    service.as_of_date,
    service.service_id,
    sum(compared.charged_amount_reporting) filter (where compared.issued_on >= service.as_of_date - 90) as charged_amount_90d,
    sum(compared.overage_amount_reporting) filter (where compared.issued_on >= service.as_of_date - 90) as overage_amount_90d,
    count(*) filter (where compared.is_shock) as bill_shocks_365d
from {{ ref('int_features__services') }} as service
inner join compared
    on compared.service_id = service.service_id
    and compared.issued_on < service.as_of_date
    and compared.issued_on >= service.as_of_date - 365
where {{ not_settled('service.as_of_date') }}
group by service.as_of_date, service.service_id
