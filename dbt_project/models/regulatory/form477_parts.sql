{{ config(filing_dates_of='as_of_date') }}

-- A service in force as an as-of date ends, by what its plan sold then: itself, or each plan of its bundle.
with asked as ({{ filing_dates() }}),

zone as (
    select distinct time_zone from {{ ref('dim_service') }}
),

closing as (
    select
        asked.as_of_date, zone.time_zone,
        {{ filing_instant('asked.as_of_date', 'zone.time_zone') }} as closing_at
    from asked
    cross join zone
),

in_force as (
    select service.*, closing.as_of_date, closing.closing_at
    from closing
    inner join {{ ref('dim_service') }} as service on service.time_zone = closing.time_zone
    where service.service_id <> {{ unknown_id() }}
        and {{ holds_at('service', 'closing.closing_at') }}
        and service.activated_at <= closing.closing_at
        and coalesce(service.deactivated_at, 'infinity') > closing.closing_at
),

sold as (
    select in_force.*, plan.plan_type, plan.is_business, plan.bundle_components
    from in_force
    inner join {{ ref('dim_service_plan') }} as plan
        on plan.plan_id = in_force.plan_id and {{ holds_at('plan', 'in_force.closing_at') }}
),

part as (
    select sold.as_of_date, sold.service_key, sold.plan_id as part_plan_id, 1 as quantity
    from sold
    where coalesce(jsonb_array_length(sold.bundle_components), 0) = 0
    union all
    select sold.as_of_date, sold.service_key, component.plan_id, sum(coalesce(component.quantity, 1))
    from sold
    cross join lateral jsonb_to_recordset(sold.bundle_components) as component (plan_id uuid, quantity numeric)
    where jsonb_array_length(sold.bundle_components) > 0
    group by sold.as_of_date, sold.service_key, component.plan_id
)

select
    sold.as_of_date,
    sold.service_id,
    plan.plan_id,
    sold.service_key,
    sold.customer_id,
    sold.provider_id,
    sold.zone_id,
    sold.closing_at,
    sold.service_status,
    sold.service_state,
    customer.state as customer_state,
    sold.sold_by,
    device.device_type,
    sold.voice_grade_equivalents,
    (sold.connections * part.quantity)::bigint as connections,
    not sold.is_business as is_consumer,
    plan.plan_type,
    plan.includes,
    plan.voice_service,
    coalesce(plan.voice_lines, 1) as voice_lines,
    plan.technology_code,
    plan.speed_mbps_down,
    plan.speed_mbps_up,
    plan.includes_long_distance,
    plan.local_loop,
    plan.additional_features ->> 'content' as plan_content,
    md5(concat_ws('|', plan.plan_type, plan.includes::text, coalesce(plan.voice_service, '-'),
        coalesce(device.device_type, '-'), plan.additional_features ->> 'content')) as plan_kind
from part
inner join sold on sold.as_of_date = part.as_of_date and sold.service_key = part.service_key
inner join {{ ref('dim_service_plan') }} as plan
    on plan.plan_id = part.part_plan_id and {{ holds_at('plan', 'sold.closing_at') }}
left join {{ ref('dim_device') }} as device on device.device_id = sold.device_id
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = sold.customer_id and {{ holds_at('customer', 'sold.closing_at') }}
