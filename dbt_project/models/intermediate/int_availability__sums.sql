-- One row per kind of moment, element and day since its first that the moments look back on: what had been summed up by its
-- end, so that any 30 days are a difference of two rows.
with reach as (
    select moment, min(thirty_days_from_date) as from_date, max(last_ended_date) as to_date
    from {{ ref('int_providers__moments') }}
    group by moment
),

running as (
    select
        reach.moment,
        fact.element_id,
        fact.availability_date,
        coalesce(lead(fact.availability_date) over days - 1, reach.to_date) as until_date,
        sum(fact.seconds_measured - fact.seconds_down - fact.seconds_planned_down) over days as seconds_available,
        sum(fact.seconds_measured - fact.seconds_planned_down) over days as seconds_expected
    from reach
    inner join {{ ref('fct_element_availability_daily') }} as fact
        on fact.availability_date between reach.from_date and reach.to_date
    window days as (partition by reach.moment, fact.element_id order by fact.availability_date)
)

select
    running.moment,
    running.element_id,
    day::date as availability_date,
    running.seconds_available,
    running.seconds_expected
from running
cross join lateral generate_series(
    running.availability_date::timestamp, running.until_date::timestamp, interval '1 day'
) as day
