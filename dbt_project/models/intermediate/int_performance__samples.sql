-- Each sample with its element as the sample's local day ended, and the local day in which it began.
with placed as (
    select
        performance.*,
        coalesce(element.time_zone, '{{ var("reporting_time_zone") }}') as time_zone,
        performance.interval_seconds >= 82800 as is_whole_day,
        {{ local_day('performance.measurement_timestamp', "coalesce(element.time_zone, '" ~ var("reporting_time_zone") ~ "')") }}
            as performance_date
    from {{ ref('stg_network_performance') }} as performance
    left join {{ ref('dim_network_element') }} as element
        on element.element_id = performance.element_id and element.is_current
),

dated as (
    select
        *,
        {{ day_start('performance_date', 'time_zone') }} as day_start_at,
        {{ day_start('performance_date + 1', 'time_zone') }} as day_end_at
    from placed
)

select
    dated.*,
    coalesce(element.element_key, {{ unknown_key() }}) as element_key,
    coalesce(element.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(element.zone_id, {{ unknown_id() }}) as zone_id,
    element.installed_on
from dated
left join {{ ref('dim_network_element') }} as element
    on element.element_id = dated.element_id
    and {{ holds_at('element', "(dated.day_end_at - interval '1 microsecond')") }}
