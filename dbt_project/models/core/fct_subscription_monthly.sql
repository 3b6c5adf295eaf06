{{ config(
    effect={'from': 'changed.month_start_date'},
    settles={'period': 'month_start_date', 'granularity': 'month', 'margin_days': 3},
    indexes=[
        {'columns': ['month_start_date', 'provider_id']}, {'columns': ['service_id', 'month_start_date'], 'unique': true},
        {'columns': ['customer_id', 'month_start_date']}
    ]
) }}

-- Which version, plan, zone and customer: those that held as the month closed, or at AS_OF.
select
    month.service_id,
    coalesce(service.service_key, {{ unknown_key() }}) as service_key,
    month.month_start_date,
    coalesce(service.customer_id, money.customer_id, {{ unknown_id() }}) as customer_id,
    coalesce(customer.customer_key, {{ unknown_key() }}) as customer_key,
    coalesce(service.provider_id, money.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(service.zone_id, {{ unknown_id() }}) as zone_id,
    coalesce(service.plan_id, {{ unknown_id() }}) as plan_id,
    coalesce(plan.plan_key, {{ unknown_key() }}) as plan_key,
    coalesce(line.line_of_business, 'unknown') as line_of_business,
    coalesce(class.customer_class, 'unknown') as customer_class,
    service.connections,
    month.is_in_force_at_start,
    month.is_added,
    month.is_ended,
    month.is_in_force_at_end,
    month.is_in_force_at_start and coalesce(state_at_start.is_in_service, true) as is_in_service_at_start,
    month.is_in_force_at_end and coalesce(state_at_end.is_in_service, true) as is_in_service_at_end,
    case when month.is_ended then coalesce(service.deactivation_reason, 'unknown') end as deactivation_reason,
    case
        when money.currency_count > 1 or money.currency <> estimate.currency then null
        else coalesce(money.currency, estimate.currency)
    end as currency,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    case
        when money.currency_count > 1 or money.currency <> estimate.currency then null
        else coalesce(money.earned_amount + coalesce(estimate.estimated_amount, 0), estimate.estimated_amount)
    end as earned_amount,
    case
        when money.currency_count > 1 or money.currency <> estimate.currency then null
        else coalesce(money.earned_service_amount + coalesce(estimate.estimated_amount, 0), estimate.estimated_amount)
    end as earned_service_amount,
    case when money.currency_count = 1 then money.billed_amount end as billed_amount,
    case when money.currency_count = 1 then money.billed_service_amount end as billed_service_amount,
    coalesce(
        money.earned_amount_reporting + coalesce(estimate.estimated_amount * estimate.reporting_rate, 0),
        estimate.estimated_amount * estimate.reporting_rate
    ) as earned_amount_reporting,
    coalesce(
        money.earned_service_amount_reporting + coalesce(estimate.estimated_amount * estimate.reporting_rate, 0),
        estimate.estimated_amount * estimate.reporting_rate
    ) as earned_service_amount_reporting,
    money.billed_amount_reporting,
    money.billed_service_amount_reporting,
    coalesce(
        money.earned_amount_reporting + coalesce(estimate.estimated_amount * estimate.reporting_rate, 0),
        estimate.estimated_amount * estimate.reporting_rate
    ) * coalesce(line.margin_share, 1) as margin_amount_reporting,
    estimate.estimated_amount * estimate.reporting_rate as estimated_amount_reporting,
    coalesce(estimate.estimated_days, 0) as estimated_days,
    estimate.estimated_days is not null as is_estimated
from {{ ref('int_subscriptions__months') }} as month
left join {{ ref('int_billing__service_months') }} as money using (service_id, month_start_date)
left join {{ ref('int_subscriptions__estimates') }} as estimate using (service_id, month_start_date)
left join {{ ref('dim_service') }} as service
    on service.service_id = month.service_id and {{ holds_at('service', 'month.closing_at') }}
left join {{ ref('dim_service') }} as opening
    on opening.service_id = month.service_id and {{ holds_at('opening', 'month.opening_at') }}
left join {{ ref('in_service_states') }} as state_at_start on state_at_start.service_status = opening.service_status
left join {{ ref('in_service_states') }} as state_at_end on state_at_end.service_status = service.service_status
left join {{ ref('dim_service_plan') }} as plan
    on plan.plan_id = service.plan_id and {{ holds_at('plan', 'month.closing_at') }}
left join {{ ref('int_plans__line_of_business') }} as line on line.plan_key = plan.plan_key
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = coalesce(service.customer_id, money.customer_id)
    and {{ holds_at('customer', 'month.closing_at') }}
left join {{ ref('customer_classes') }} as class on class.customer_type = customer.customer_type
