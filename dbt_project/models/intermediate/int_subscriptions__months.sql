-- One row per service and month in which it was in force for any instant, or has money; from the first period that was
-- billed on. A month's opening is the closing of the one before: the last instant before its first.
with service as (
    select
        service_id,
        time_zone,
        activated_at,
        coalesce(deactivated_at, 'infinity'::timestamptz) as deactivated_at,
        {{ as_of_day('time_zone') }} as as_of_date
    from {{ ref('dim_service') }}
    where is_current and service_id <> {{ unknown_id() }}
),

history as (
    select date_trunc('month', min(billing_period_start))::date as first_month from {{ ref('fct_bill') }}
),

service_month as (
    select service.service_id, month_start::date as month_start_date
    from service
    cross join history
    cross join lateral generate_series(
        greatest(
            date_trunc('month', {{ local_day('service.activated_at', 'service.time_zone') }}::timestamp),
            history.first_month::timestamp,
            date_trunc('month', {{ settled_day() }}::timestamp)
        ),
        least(
            service.as_of_date::timestamp,
            case
                when service.deactivated_at < 'infinity'
                    then {{ local_day('service.deactivated_at', 'service.time_zone') }}::timestamp
            end
        ),
        interval '1 month'
    ) as month_start
    where service.activated_at < service.deactivated_at and service.activated_at < {{ as_of() }}
        and history.first_month is not null
    union
    select service_id, month_start_date from {{ ref('int_billing__service_months') }}
),

bounded as (
    select
        service_month.service_id,
        service_month.month_start_date,
        (service_month.month_start_date + interval '1 month')::date as next_month_date,
        coalesce(service.time_zone, '{{ var("reporting_time_zone") }}') as time_zone,
        service.activated_at,
        service.deactivated_at,
        service.activated_at < service.deactivated_at as was_ever_in_force
    from service_month
    left join service using (service_id)
),

timed as (
    select
        *,
        least({{ day_start('month_start_date', 'time_zone') }}, {{ as_of() }}) as opens_at,
        least({{ day_start('next_month_date', 'time_zone') }}, {{ as_of() }}) as closes_at
    from bounded
)

select
    service_id,
    month_start_date,
    next_month_date,
    time_zone,
    activated_at,
    deactivated_at,
    opens_at - interval '1 microsecond' as opening_at,
    closes_at - interval '1 microsecond' as closing_at,
    coalesce(activated_at < opens_at and deactivated_at >= opens_at and was_ever_in_force, false)
        as is_in_force_at_start,
    coalesce(activated_at >= opens_at and activated_at < closes_at and was_ever_in_force, false) as is_added,
    coalesce(deactivated_at >= opens_at and deactivated_at < closes_at and was_ever_in_force, false) as is_ended,
    coalesce(activated_at < closes_at and deactivated_at >= closes_at and was_ever_in_force, false)
        as is_in_force_at_end
from timed
