{{ config(materialized='view') }}

-- The element of an outage and all that stands on it, and the voice lines that they served as it began.
with recursive asked as ({{ filing_dates() }}),

period as (
    select as_of_date, {{ filing_period_start('as_of_date') }} as period_start_date
    from asked
),

struck as (
    select period.as_of_date, period.period_start_date, outage.outage_id, outage.element_id, outage.outage_start
    from period
    inner join {{ ref('fct_outage') }} as outage
        on outage.outage_start < (period.as_of_date + 2)::timestamptz
        and outage.outage_start >= (period.period_start_date - 1)::timestamptz
    inner join {{ ref('dim_provider') }} as provider on provider.provider_id = outage.provider_id
    where {{ local_day('outage.outage_start', 'provider.time_zone') }}
        between period.period_start_date and period.as_of_date
),

-- An element stands on what it is part of, as the version that held then says.
standing as (
    select as_of_date, outage_id, outage_start, element_id
    from struck
    where element_id is not null
    union
    select standing.as_of_date, standing.outage_id, standing.outage_start, child.element_id
    from standing
    inner join {{ ref('dim_network_element') }} as child
        on child.parent_element_id = standing.element_id and {{ holds_at('child', 'standing.outage_start') }}
),

line as (
    select
        standing.as_of_date,
        standing.outage_id,
        service.service_id,
        plan.voice_service,
        coalesce(service.voice_grade_equivalents, coalesce(plan.voice_lines, 1) * service.connections) as voice_lines
    from standing
    inner join {{ ref('dim_service') }} as service
        on service.serving_element_id = standing.element_id and {{ holds_at('service', 'standing.outage_start') }}
        and service.activated_at <= standing.outage_start
        and coalesce(service.deactivated_at, 'infinity') > standing.outage_start
    inner join {{ ref('dim_service_plan') }} as sold
        on sold.plan_id = service.plan_id and {{ holds_at('sold', 'standing.outage_start') }}
    cross join lateral (
        select sold.plan_id
        where coalesce(jsonb_array_length(sold.bundle_components), 0) = 0
        union
        select component.plan_id
        from jsonb_to_recordset(coalesce(sold.bundle_components, '[]')) as component (plan_id uuid)
    ) as member
    inner join {{ ref('dim_service_plan') }} as plan
        on plan.plan_id = member.plan_id and {{ holds_at('plan', 'standing.outage_start') }}
    where plan.voice_service is not null
)

select
    struck.as_of_date,
    struck.period_start_date,
    struck.outage_id,
    coalesce(sum(line.voice_lines), 0)::bigint as voice_lines,
    coalesce(sum(line.voice_lines) filter (where line.voice_service like 'voip%'), 0)::bigint as voip_lines
from struck
left join line on line.as_of_date = struck.as_of_date and line.outage_id = struck.outage_id
group by struck.as_of_date, struck.period_start_date, struck.outage_id
