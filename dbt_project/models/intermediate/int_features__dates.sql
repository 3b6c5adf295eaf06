-- One row per cadence and as-of date, with the instant before which everything lies: the first of each month (customers,
-- services) and each Monday (elements) since data came, and AS_OF, which stands for its own day's date.
with candidate as (
    select
        'month' as cadence,
        date_day as as_of_date,
        {{ day_start('date_day', "'" ~ var("reporting_time_zone") ~ "'") }} as as_of_at
    from {{ ref('dim_date') }}
    where date_day = month_start_date
        and date_day > (
            select least(
                (select min(usage.usage_date) from {{ ref('fct_usage_daily') }} as usage),
                (select min(bill.issued_on) from {{ ref('fct_bill') }} as bill)
            )
        )
    union all
    select 'week', date_day, {{ day_start('date_day', "'" ~ var("reporting_time_zone") ~ "'") }}
    from {{ ref('dim_date') }}
    where day_of_week = 1
        and date_day > (select min(performance.performance_date) from {{ ref('fct_network_performance_daily') }} as performance)
    union all
    select cadence, {{ local_day(as_of(), "'" ~ var("reporting_time_zone") ~ "'") }}, {{ as_of() }}
    from (values ('month'), ('week')) as both_cadences (cadence)
)

select distinct on (cadence, as_of_date)
    cadence,
    as_of_date,
    as_of_at,
    as_of_at = {{ as_of() }} as is_latest
from candidate
where as_of_at <= {{ as_of() }} and {{ not_settled('as_of_date') }}
order by cadence, as_of_date, as_of_at desc
