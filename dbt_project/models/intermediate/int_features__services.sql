{# A table, since several models stand on it. #}
{{ config(
    effect={'from': 'changed.as_of_date'}, settles={'period': 'as_of_date', 'margin_days': 1},
    materialized='in_place', contract={'enforced': true}
) }}

-- One row per as-of date and service in force then, as its version just before the as-of instant says it.
select
    as_of.as_of_date,
    as_of.as_of_at,
    as_of.is_latest,
    service.service_id,
    service.service_key,
    service.customer_id,
    service.provider_id,
    service.zone_id,
    service.plan_id,
    plan.plan_type,
    plan.data_allowance_gb,
    plan.includes ? 'data' as includes_data,
    coalesce(line.line_of_business, 'unknown') as line_of_business,
    service.service_status,
    service.serving_element_id,
    service.contract_end,
    service.activated_at,
    {{ local_day('service.activated_at', 'service.time_zone') }} as activated_date,
    {{ local_day('as_of.as_of_at', 'service.time_zone') }} - 1 as last_ended_date
from {{ ref('int_features__dates') }} as as_of
inner join {{ ref('dim_service') }} as service
    on service.valid_from < as_of.as_of_at and as_of.as_of_at <= service.valid_to
    and service.activated_at < as_of.as_of_at
    and (service.deactivated_at is null or as_of.as_of_at <= service.deactivated_at)
left join {{ ref('dim_service_plan') }} as plan
    on plan.plan_id = service.plan_id
    and plan.valid_from < as_of.as_of_at and as_of.as_of_at <= plan.valid_to
left join {{ ref('int_plans__line_of_business') }} as line on line.plan_key = plan.plan_key
where as_of.cadence = 'month'
