-- One row per feed, provider and moment by which an event had come: the newest one by then that is known today.
with newest as (
    select
        event.feed,
        event.provider_id,
        {{ local_day("(event.event_at - interval '1 microsecond')", 'calendar.time_zone') }} as event_date,
        calendar.as_of_date,
        max(event.event_at) as data_through_at
    from {{ ref('int_freshness__events') }} as event
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    group by event.feed, event.provider_id, 3, calendar.as_of_date
),

-- A day's newest event is it until the next day with one.
followed as (
    select *, lead(event_date) over (partition by feed, provider_id order by event_date) as next_event_date
    from newest
),

filled as (
    select feed, provider_id, day::date as as_of_date, data_through_at
    from followed
    cross join lateral generate_series(
        event_date::timestamp, coalesce(next_event_date - 1, as_of_date)::timestamp, interval '1 day'
    ) as day
)

select
    moment.moment,
    moment.as_of_at,
    filled.feed,
    filled.provider_id,
    filled.data_through_at,
    moment.as_of_at - filled.data_through_at > feeds.expected_every + feeds.grace as is_stale
from {{ ref('int_providers__moments') }} as moment
inner join filled using (provider_id, as_of_date)
inner join {{ source('raw', 'feeds') }} as feeds using (feed)
