{{ config(indexes=[{'columns': ['imei']}, {'columns': ['serial_number']}]) }}

select
    device.device_id,
    masked.customer_id,
    masked.provider_id,
    masked.zone_id,
    device.imei,
    device.mac_address,
    device.serial_number
from {{ ref('stg_devices') }} as device
inner join {{ ref('dim_device') }} as masked on masked.device_id = device.device_id
