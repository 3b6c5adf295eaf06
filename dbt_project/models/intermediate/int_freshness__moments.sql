-- One row per feed, provider and moment by which an event had come: the newest one by then that is known today.
with newest as (
    select
        hour.feed,
        hour.provider_id,
        {{ local_day("(bound.event_at - interval '1 microsecond')", 'calendar.time_zone') }} as event_date,
        calendar.last_ended_date,
        max(bound.event_at) as data_through_at
    from {{ ref('int_freshness__hours') }} as hour
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    cross join lateral (values (hour.first_event_at), (hour.last_event_at)) as bound (event_at)
    group by hour.feed, hour.provider_id, event_date, calendar.last_ended_date
),

-- A day's newest event is it until the next day with one.
followed as (
    select *, lead(event_date) over (partition by feed, provider_id order by event_date) as next_event_date
    from newest
)

select 'as_of' as moment, as_of_at, feed, provider_id, data_through_at, is_stale
from {{ ref('int_freshness__data_through') }}
union all
select
    'day_end',
    moment.as_of_at,
    followed.feed,
    followed.provider_id,
    followed.data_through_at,
    moment.as_of_at - followed.data_through_at > feeds.expected_every + feeds.grace
from followed
cross join lateral generate_series(
    followed.event_date::timestamp,
    coalesce(followed.next_event_date - 1, followed.last_ended_date)::timestamp, interval '1 day'
) as day
inner join {{ ref('int_providers__moments') }} as moment
    on moment.moment = 'day_end' and moment.provider_id = followed.provider_id and moment.as_of_date = day::date
inner join {{ source('raw', 'feeds') }} as feeds using (feed)
