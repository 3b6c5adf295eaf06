{# The newest version's installation and time zone hold for all of an element's time. #}
{%- set since %}
    case when exists (
        select from this_table as other
        where other.element_id = changed.element_id
            and (other.installed_on, other.time_zone) is distinct from (changed.installed_on, changed.time_zone)
    ) then '-infinity' else greatest(changed.valid_from, changed.installed_on) end
{%- endset %}
{{ config(effect={'from': since, 'dates': ['valid_to'], 'besides': ['is_current']}, indexes=[
    {'columns': ['element_id', 'valid_from']}, {'columns': ['provider_id', 'operational_status']},
    {'columns': ['zone_id']}, {'columns': ['location'], 'type': 'gist'}, {'columns': ['coverage_box'], 'type': 'gist'},
    {'columns': ['configuration'], 'type': 'gin'}
]) }}

select
    {{ version_key('element.element_id', 'element.valid_from') }} as element_key,
    element.element_id,
    coalesce(provider.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(zone.zone_id, {{ unknown_id() }}) as zone_id,
    element.element_name,
    element.element_type,
    element.parent_element_id,
    element.radio_technology,
    element.frequency_band,
    element.vendor,
    element.model,
    element.software_version,
    element.operational_status,
    element.latitude,
    element.longitude,
    {{ place('element.longitude', 'element.latitude') }} as location,
    element.coverage_radius_km,
    element.coverage_area,
    -- Of the area; without one, of the circle.
    coalesce(
        {{ bounding_box('element.coverage_area') }},
        {{ circle_box('element.longitude', 'element.latitude', 'element.coverage_radius_km') }}
    ) as coverage_box,
    element.capacity_mbps,
    element.capacity_uplink_mbps,
    element.power_rating_kw,
    element.backup_power_hours,
    element.serves_911,
    element.installed_on,
    element.end_of_support_on,
    element.configuration,
    coalesce(zone.time_zone, provider.time_zone, '{{ var("reporting_time_zone") }}') as time_zone,
    element.updated_at,
    element.valid_from,
    element.valid_to,
    element.valid_to = 'infinity' as is_current
from {{ ref('stg_network_elements_versions') }} as element
left join {{ ref('dim_service_zone') }} as zone on zone.zone_id = element.zone_id
left join {{ ref('dim_provider') }} as provider on provider.provider_id = element.provider_id

union all

select
    {{ unknown_key() }},
    {{ unknown_id() }}, {{ unknown_id() }}, {{ unknown_id() }},
    'unknown', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null,
    '{{ var("reporting_time_zone") }}', null, '-infinity', 'infinity', true
