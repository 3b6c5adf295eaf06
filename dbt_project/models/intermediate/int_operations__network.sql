-- One row per provider and moment with elements: what is in service then, and how much of the last 30 days it was available.
with version as (
    select *, operational_status not in ('planned', 'retired') as counts
    from {{ ref('dim_network_element') }}
    where element_id <> {{ unknown_id() }}
),

state as (
    select
        moment.provider_id,
        moment.moment,
        moment.as_of_at,
        count(*) filter (where version.counts) as total_network_elements,
        count(*) filter (where version.operational_status = 'active') as active_elements,
        count(*) filter (where version.operational_status = 'failed') as failed_elements
    from version
    inner join {{ ref('int_providers__moments') }} as moment
        on moment.provider_id = version.provider_id
        and {{ holds_at('version', 'moment.as_of_at') }}
        and coalesce(version.installed_on <= moment.as_of_date, true)
    group by moment.provider_id, moment.moment, moment.as_of_at
),

reach as (
    select provider_id, moment, min(thirty_days_from_date) as from_date, max(last_ended_date) as to_date
    from {{ ref('int_providers__moments') }}
    group by provider_id, moment
),

-- Elements of which a version holds for the same time are one: most never change, so that few sums are left of a day.
day as (
    select
        version.provider_id,
        reach.moment,
        version.valid_from,
        version.valid_to,
        fact.availability_date,
        sum(fact.seconds_measured - fact.seconds_down - fact.seconds_planned_down) as seconds_available,
        sum(fact.seconds_measured - fact.seconds_planned_down) as seconds_expected
    from version
    inner join reach using (provider_id)
    inner join {{ ref('fct_element_availability_daily') }} as fact
        on fact.element_id = version.element_id and fact.availability_date between reach.from_date and reach.to_date
    where version.counts
    group by version.provider_id, reach.moment, version.valid_from, version.valid_to, fact.availability_date
),

availability as (
    select
        provider_id,
        moment,
        window_day.as_of_at,
        100.0 * sum(day.seconds_available) / nullif(sum(day.seconds_expected), 0) as availability_percentage
    from day
    inner join (
        select moment.*, within::date as availability_date
        from {{ ref('int_providers__moments') }} as moment
        cross join lateral generate_series(
            moment.thirty_days_from_date::timestamp, moment.last_ended_date::timestamp, interval '1 day'
        ) as within
    ) as window_day using (provider_id, moment, availability_date)
    where {{ holds_at('day', 'window_day.as_of_at') }}
    group by provider_id, moment, window_day.as_of_at
)

select
    provider_id,
    moment,
    as_of_at,
    state.total_network_elements,
    state.active_elements,
    state.failed_elements,
    availability.availability_percentage
from state
left join availability using (provider_id, moment, as_of_at)
