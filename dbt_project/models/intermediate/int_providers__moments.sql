-- One row per provider and moment of which a dashboard speaks: AS_OF, and the end of every local day since the first data.
-- Who wants one kind asks for its `moment`, which PostgreSQL carries into every model that groups by it (without a WITH
-- here, it does not even plan the other).
select
    'as_of' as moment,
    provider_id,
    provider_name,
    time_zone,
    as_of_at,
    as_of_date,
    last_ended_date,
    thirty_days_from_date
from {{ ref('int_providers__calendar') }}

union all

select
    'day_end',
    calendar.provider_id,
    calendar.provider_name,
    calendar.time_zone,
    {{ day_start('day::date + 1', 'calendar.time_zone') }},
    day::date,
    day::date,
    day::date - 29
from {{ ref('int_providers__calendar') }} as calendar
cross join (  -- noqa: ST05
    select
        least(
            (select min(usage_date) from {{ ref('fct_usage_daily') }}),
            (select min(performance_date) from {{ ref('fct_network_performance_daily') }}),
            (select min(assessment_date) from {{ ref('fct_service_quality') }}),
            (select min(issued_on) from {{ ref('fct_bill') }}),
            (select min(created_date) from {{ ref('fct_support_ticket') }})
        ) as first_date
) as history
-- What happens at midnight has come by the end of the day before.
cross join lateral generate_series(
    greatest(history.first_date - 1, {{ settled_day() }})::timestamp, calendar.last_ended_date::timestamp, interval '1 day'
) as day
