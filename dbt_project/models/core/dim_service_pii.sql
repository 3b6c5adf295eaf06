{{ config(indexes=[
    {'columns': ['service_number']}, {'columns': ['customer_id']}, {'columns': ['location'], 'type': 'gist'}
]) }}

select
    service.service_id,
    masked.customer_id,
    masked.provider_id,
    masked.zone_id,
    service.service_number,
    service.block_geoid,
    service.bdc_location_id,
    service.service_postal_code,
    {{ place('service.service_longitude', 'service.service_latitude') }} as location
from {{ ref('stg_customer_services') }} as service
inner join {{ ref('dim_service') }} as masked on masked.service_id = service.service_id and masked.is_current
