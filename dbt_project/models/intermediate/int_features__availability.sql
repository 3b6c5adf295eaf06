-- One row per as-of date and element with known days among the last 30 that had ended: seconds available over seconds
-- known and not down by plan.
with window_day as materialized (
    select span.last_ended_date, span.last_ended_date - day.age as availability_date
    from (select distinct last_ended_date from {{ ref('int_features__elements') }}) as span
    cross join generate_series(0, 29) as day (age)
)

select
    element.as_of_date,
    element.element_id,
    100.0 * sum(fact.seconds_measured - fact.seconds_down - fact.seconds_planned_down)
    / nullif(sum(fact.seconds_measured - fact.seconds_planned_down), 0) as availability_percentage_30d
from {{ ref('fct_element_availability_daily') }} as fact
inner join window_day on window_day.availability_date = fact.availability_date
inner join {{ ref('int_features__elements') }} as element
    on element.element_id = fact.element_id and element.last_ended_date = window_day.last_ended_date
group by element.as_of_date, element.element_id
