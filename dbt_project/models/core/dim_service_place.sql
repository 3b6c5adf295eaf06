{{ config(indexes=[{'columns': ['service_id', 'valid_from']}, {'columns': ['customer_id']}]) }}

-- Where a service was, as each of its versions says: dim_service_pii knows the newest address only.
select
    service.service_key,
    service.service_id,
    service.customer_id,
    service.provider_id,
    service.zone_id,
    version.block_geoid,
    left(version.tract_geoid, 11) as stated_tract_geoid,
    version.bdc_location_id,
    {{ place('version.service_longitude', 'version.service_latitude') }} as location,
    service.valid_from,
    service.valid_to
from {{ ref('stg_customer_services_versions') }} as version
inner join {{ ref('dim_service') }} as service
    on service.service_key = {{ version_key('version.service_id', 'version.valid_from') }}
