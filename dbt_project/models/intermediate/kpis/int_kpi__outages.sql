-- One row per provider and closed month since its first outage: repairs, failures of elements, and customers' minutes. An
-- outage over several months costs each of them its own minutes; how long one without a restoration date took that is
-- said to be over, nobody knows.
with outage as (
    select
        *,
        coalesce(
            actual_restoration, case when outage_status not in ('restored', 'closed') then {{ as_of() }} end
        ) as ended_at
    from {{ ref('fct_outage') }}
    where outage_start <= {{ as_of() }}
),

month as (
    select
        calendar.provider_id,
        month_start::date as month_start_date,
        {{ day_start('month_start', 'calendar.time_zone') }} as opens_at,
        {{ day_start("month_start + interval '1 month'", 'calendar.time_zone') }} as closes_at
    from (select provider_id, min(outage_start) as first_start from outage group by provider_id) as first
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    cross join lateral generate_series(
        {{ month_of(local_day('first.first_start', 'calendar.time_zone')) }}::timestamp,
        calendar.last_ended_date::timestamp, interval '1 month'
    ) as month_start
    where (month_start + interval '1 month - 1 day')::date <= calendar.last_ended_date
)

select
    month.provider_id,
    month.month_start_date,
    avg(outage.outage_seconds) filter (
        where outage.actual_restoration >= month.opens_at and outage.actual_restoration < month.closes_at
    ) / 3600 as mttr_hours,
    count(*) filter (
        where outage.element_id is not null and outage.outage_start >= month.opens_at
            and outage.outage_start < month.closes_at
    ) as element_failures,
    coalesce(sum(
        outage.affected_customers * extract(
            epoch from greatest(
                least(outage.ended_at, month.closes_at) - greatest(outage.outage_start, month.opens_at), interval '0'
            )
        )
    ) filter (where outage.ended_at is not null), 0) / 60 as customer_minutes_lost
from month
left join outage
    on outage.provider_id = month.provider_id and not outage.is_planned and outage.outage_start < month.closes_at
    and coalesce(outage.ended_at, outage.outage_start) >= month.opens_at
group by month.provider_id, month.month_start_date
