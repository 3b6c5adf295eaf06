{{ config(indexes=[{'columns': ['provider_id']}, {'columns': ['boundary_box'], 'type': 'gist'}]) }}

select
    zone.zone_id,
    coalesce(provider.provider_id, {{ unknown_id() }}) as provider_id,
    zone.zone_name,
    zone.zone_type,
    coalesce(zone.time_zone, provider.time_zone, '{{ var("reporting_time_zone") }}') as time_zone,
    zone.customer_density,
    zone.capacity_subscribers,
    zone.busy_hour_capacity_mbps,
    zone.population,
    zone.households,
    zone.boundary,
    {{ bounding_box('zone.boundary') }} as boundary_box,
    zone.updated_at
from {{ ref('stg_service_zones') }} as zone
left join {{ ref('dim_provider') }} as provider using (provider_id)

union all

select
    {{ unknown_id() }},
    {{ unknown_id() }},
    'unknown', null,
    '{{ var("reporting_time_zone") }}',
    null, null, null, null, null, null, null, null
