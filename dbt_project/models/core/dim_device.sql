{{ config(indexes=[{'columns': ['customer_id', 'status']}, {'columns': ['provider_id', 'device_type']}]) }}

-- A device belongs to the service that runs on it, of several to the one in force, then the oldest; else to its
-- customer's latest primary provider.
with service as (
    select distinct on (device_id) device_id, service_id, provider_id, zone_id
    from {{ ref('dim_service') }}
    where is_current and device_id is not null
    order by device_id, deactivated_at desc nulls first, activated_at, service_id
),

primary_provider as (
    select distinct on (customer_id) customer_id, provider_id
    from {{ ref('bridge_customer_provider') }}
    where is_primary
    order by customer_id, valid_to desc, valid_from desc
)

select
    device.device_id,
    case when device.customer_id is not null then coalesce(customer.customer_id, {{ unknown_id() }}) end as customer_id,
    service.service_id,
    coalesce(service.provider_id, primary_provider.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(service.zone_id, {{ unknown_id() }}) as zone_id,
    device.device_type,
    device.manufacturer,
    device.model,
    left(device.imei, 8) as type_allocation_code,
    device.imei_hmac,
    device.mac_address_hmac,
    device.serial_number_hmac,
    device.status,
    device.assigned_at,
    device.updated_at
from {{ ref('stg_devices') }} as device
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = device.customer_id and customer.is_current
left join service on service.device_id = device.device_id
left join primary_provider on primary_provider.customer_id = device.customer_id
