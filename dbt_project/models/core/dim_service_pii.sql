select
    service_id,
    service_number,
    block_geoid,
    service_postal_code,
    point(service_longitude::double precision, service_latitude::double precision) as location
from {{ ref('stg_customer_services') }}
