-- One row per provider and moment with elements: what is in service then, and how much of the last 30 days it was available.
with state as (
    select
        moment.*,
        element.element_id,
        element.operational_status,
        element.operational_status not in ('planned', 'retired') as counts
    from {{ ref('dim_network_element') }} as element
    inner join {{ ref('int_providers__moments') }} as moment
        on moment.provider_id = element.provider_id
        and {{ holds_at('element', 'moment.as_of_at') }}
        and coalesce(element.installed_on <= moment.as_of_date, true)
    where element.element_id <> {{ unknown_id() }}
),

-- What an element's last 30 days sum to is what had been summed up as they ended, less that as they began.
summed as (
    select
        state.provider_id,
        state.moment,
        state.as_of_at,
        count(*) filter (where state.counts and bound.sign = 1) as total_network_elements,
        count(*) filter (where state.operational_status = 'active' and bound.sign = 1) as active_elements,
        count(*) filter (where state.operational_status = 'failed' and bound.sign = 1) as failed_elements,
        sum(bound.sign * sums.seconds_available) filter (where state.counts) as seconds_available,
        sum(bound.sign * sums.seconds_expected) filter (where state.counts) as seconds_expected
    from state
    cross join lateral (
        values (1, state.last_ended_date), (-1, state.thirty_days_from_date - 1)
    ) as bound (sign, availability_date)
    left join {{ ref('int_availability__sums') }} as sums
        on sums.moment = state.moment
        and sums.element_id = state.element_id
        and sums.availability_date = bound.availability_date
    group by state.provider_id, state.moment, state.as_of_at
)

select
    provider_id,
    moment,
    as_of_at,
    total_network_elements,
    active_elements,
    failed_elements,
    100.0 * seconds_available / nullif(seconds_expected, 0) as availability_percentage
from summed
