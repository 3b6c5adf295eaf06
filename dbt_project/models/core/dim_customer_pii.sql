select
    customer_id,
    first_name,
    last_name,
    company_name,
    email,
    phone,
    date_of_birth,
    street_address,
    city,
    state,
    postal_code,
    point(longitude::double precision, latitude::double precision) as location,
    preferences
from {{ ref('stg_customers') }}
