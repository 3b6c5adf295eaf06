-- One row per provider with elements: what is in service at AS_OF, and how much of the last 30 days it was available.
with element as (
    select element.element_id, element.provider_id, element.operational_status
    from {{ ref('dim_network_element') }} as element
    where {{ holds_at('element', as_of()) }} and element.element_id <> {{ unknown_id() }}
),

availability as (
    select
        element.provider_id,
        sum(fact.seconds_measured - fact.seconds_down - fact.seconds_planned_down) as seconds_available,
        sum(fact.seconds_measured - fact.seconds_planned_down) as seconds_expected
    from element
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    inner join {{ ref('fct_element_availability_daily') }} as fact
        on fact.element_id = element.element_id
        and fact.availability_date between calendar.thirty_days_from_date and calendar.last_ended_date
    where element.operational_status not in ('planned', 'retired')
    group by element.provider_id
)

select
    element.provider_id,
    count(*) filter (where operational_status not in ('planned', 'retired')) as total_network_elements,
    count(*) filter (where operational_status = 'active') as active_elements,
    count(*) filter (where operational_status = 'failed') as failed_elements,
    max(100.0 * availability.seconds_available / nullif(availability.seconds_expected, 0)) as availability_percentage
from element
left join availability using (provider_id)
group by element.provider_id
