{{ config(indexes=[{'columns': ['customer_id']}]) }}

-- Ends have their reason's kind. A prepaid service that nobody ends has left on the first of so many days in force, all
-- of them with the provider's usage at hand, without usage or payment; it is back with the next one.
with service as (
    select
        service.service_id,
        service.customer_id,
        service.provider_id,
        service.time_zone,
        service.activated_at,
        service.deactivated_at,
        service.deactivation_reason,
        coalesce(plan.is_prepaid, false) as is_prepaid
    from {{ ref('dim_service') }} as service
    left join {{ ref('dim_service_plan') }} as plan on plan.plan_id = service.plan_id and plan.is_current
    where service.is_current and service.service_id <> {{ unknown_id() }} and service.activated_at < {{ as_of() }}
),

covered as (
    select provider_id, min(usage_date) as first_date, max(usage_date) as last_date
    from {{ ref('int_usage__provider_days') }}
    where usage_date <= {{ as_of_day("'" ~ var("reporting_time_zone") ~ "'") }}
    group by provider_id
),

-- The days between which a silence can lie.
watched as (
    select
        service.service_id,
        greatest({{ local_day('service.activated_at', 'service.time_zone') }}, covered.first_date) as first_date,
        least({{ local_day('coalesce(service.deactivated_at, \'infinity\')', 'service.time_zone') }} - 1, covered.last_date)
            as last_date
    from service
    inner join covered on covered.provider_id = service.provider_id
    where service.is_prepaid
),

-- Between two days of a month at most 29 are silent: where no length is shorter, its first and its last used day tell all.
shortest as (
    select min(silent_days) < 30 as lies_within_a_month from {{ ref('churn_silences') }}
),

sign_of_life as (
    select service_id, first_date as seen_date from watched
    union
    select watched.service_id, used.month_start_date + place
    from watched
    inner join {{ ref('int_usage__used_days') }} as used on used.service_id = watched.service_id
    cross join shortest
    cross join generate_series(0, 30) as place
    where used.used_days >> place & 1 = 1
        and (shortest.lies_within_a_month or used.used_days >> place = 1 or used.used_days & -used.used_days = 1 << place)
        and used.month_start_date + place between watched.first_date and watched.last_date
    union
    select watched.service_id, payment.paid_date
    from watched
    inner join {{ ref('fct_bill_charge') }} as charge on charge.service_id = watched.service_id
    inner join {{ ref('fct_payment') }} as payment on payment.bill_id = charge.bill_id
    where payment.payment_status in ('pending', 'settled')
        and payment.paid_date between watched.first_date and watched.last_date
),

silence as (
    select
        seen.service_id,
        seen.seen_date + 1 as silent_from_date,
        lead(seen.seen_date) over (partition by seen.service_id order by seen.seen_date) as returned_date,
        watched.last_date
    from sign_of_life as seen
    inner join watched on watched.service_id = seen.service_id
)

select
    service.service_id,
    coalesce(reason.departure_kind, 'other') as departure_kind,
    0 as silent_days,
    service.deactivated_at as departed_at,
    null::timestamptz as returned_at,
    service.customer_id,
    service.provider_id
from service
left join {{ ref('deactivation_reasons') }} as reason on reason.deactivation_reason = service.deactivation_reason
where service.deactivated_at < {{ as_of() }}

union all

select
    service.service_id,
    'silent',
    length.silent_days,
    {{ day_start('silence.silent_from_date', 'service.time_zone') }},
    {{ day_start('silence.returned_date', 'service.time_zone') }},
    service.customer_id,
    service.provider_id
from silence
inner join {{ ref('churn_silences') }} as length
    on coalesce(silence.returned_date, silence.last_date + 1) - silence.silent_from_date >= length.silent_days
inner join service on service.service_id = silence.service_id
