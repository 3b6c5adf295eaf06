{{ config(indexes=[
    {'columns': ['name_search'], 'type': 'gin'}, {'columns': ['location'], 'type': 'gist'}, {'columns': ['email']},
    {'columns': ['phone']}
], post_hook="{{ create_search_customers() }}") }}

-- Words of names are searched as they are written, without the stems of a language; every part may be missing.
select
    customer.customer_id,
    coalesce(zone.zone_id, {{ unknown_id() }}) as zone_id,
    customer.first_name,
    customer.last_name,
    customer.company_name,
    to_tsvector('simple', concat_ws(' ', customer.first_name, customer.last_name, customer.company_name)) as name_search,
    customer.email,
    customer.phone,
    customer.date_of_birth,
    customer.street_address,
    customer.city,
    customer.state,
    customer.postal_code,
    {{ place('customer.longitude', 'customer.latitude') }} as location,
    customer.preferences
from {{ ref('stg_customers') }} as customer
left join {{ ref('dim_service_zone') }} as zone on zone.zone_id = customer.service_zone_id
