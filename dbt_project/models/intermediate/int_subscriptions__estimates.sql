{# A table, since what was estimated for earlier months does not change. #}
{{ config(
    materialized='in_place', contract={'enforced': true}, effect={'from': 'changed.month_start_date'},
    settles={'period': 'month_start_date', 'granularity': 'month', 'margin_days': 3}
) }}

-- One row per service and month with days in force that its provider has not billed yet: the plan's price and the
-- service's discount for these days. What is not billed yet: after the provider's last billed period and the service's
-- own last recurring charge.
with provider as (
    select bill.provider_id, max(bill.billing_period_end) as billed_to_date
    from {{ ref('fct_bill') }} as bill
    where bill.bill_status <> 'draft'
    group by bill.provider_id
),

-- What was charged until before the first open month moves no day of it.
charged as (
    select service_id, max(earned_to_date) as charged_to_date
    from {{ ref('fct_bill_charge') }}
    where charge_type = 'recurring' and bill_status <> 'draft' and service_id is not null
        and {{ not_settled('earned_to_date') }}
    group by service_id
),

span as (
    select
        month.service_id,
        month.month_start_date,
        month.next_month_date - month.month_start_date as month_days,
        service.discount_type,
        service.discount_value,
        service.discount_end,
        plan.base_price,
        plan.currency,
        greatest(
            month.month_start_date, provider.billed_to_date, charged.charged_to_date,
            {{ local_day('month.activated_at', 'month.time_zone') }}
        ) as from_date,
        least(
            month.next_month_date,
            {{ as_of_day('month.time_zone') }} + 1,
            case
                when month.deactivated_at < 'infinity' then {{ local_day('month.deactivated_at', 'month.time_zone') }}
            end
        ) as to_date
    from {{ ref('int_subscriptions__months') }} as month
    inner join {{ ref('dim_service') }} as service
        on service.service_id = month.service_id and {{ holds_at('service', 'month.closing_at') }}
    inner join {{ ref('dim_service_plan') }} as plan
        on plan.plan_id = service.plan_id and {{ holds_at('plan', 'month.closing_at') }}
    inner join provider on provider.provider_id = service.provider_id
    left join charged on charged.service_id = month.service_id
    where month.activated_at < month.deactivated_at
),

priced as (
    select
        *,
        to_date - from_date as estimated_days,
        least(greatest(coalesce(discount_end + 1, to_date) - from_date, 0), to_date - from_date) as discount_days,
        round(base_price * (to_date - from_date) / month_days, 2) as price_amount
    from span
    where to_date > from_date
)

select
    priced.service_id,
    priced.month_start_date,
    priced.estimated_days::bigint as estimated_days,
    priced.currency,
    {{ reporting_rate('priced.currency', 'priced.to_date') }} as reporting_rate,
    priced.to_date as rate_date,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    priced.price_amount - case priced.discount_type
        when 'percentage' then round(
            priced.base_price * priced.discount_value / 100 * priced.discount_days / priced.month_days, 2
        )
        when 'amount' then least(
            round(priced.discount_value * priced.discount_days / priced.month_days, 2), priced.price_amount
        )
        else 0
    end as estimated_amount
from priced
