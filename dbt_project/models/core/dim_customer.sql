{{ config(effect={
    'from': 'greatest(changed.valid_from, changed.created_at)', 'dates': ['valid_to'], 'besides': ['is_current']
}, indexes=[
    {'columns': ['customer_id', 'valid_from']}, {'columns': ['account_status']}, {'columns': ['zone_id']},
    {'columns': ['email_hmac']}, {'columns': ['phone_hmac']}
]) }}

select
    {{ version_key('customer.customer_id', 'customer.valid_from') }} as customer_key,
    customer.customer_id,
    customer.customer_type,
    left(customer.first_name, 1) as first_name_initial,
    left(customer.last_name, 1) as last_name_initial,
    left(customer.company_name, 1) as company_name_initial,
    extract(year from customer.date_of_birth)::integer as birth_year,
    left(customer.postal_code, 3) as postal_area,
    customer.state,
    customer.first_name_hmac,
    customer.last_name_hmac,
    customer.company_name_hmac,
    customer.email_hmac,
    customer.phone_hmac,
    customer.date_of_birth_hmac,
    customer.street_address_hmac,
    customer.service_zone_id,
    coalesce(zone.zone_id, {{ unknown_id() }}) as zone_id,
    customer.account_status,
    customer.acquisition_date,
    customer.acquisition_channel,
    customer.acquisition_cost,
    customer.lifetime_value,
    customer.currency,
    customer.churn_risk_score,
    customer.auto_pay,
    customer.marketing_consent,
    customer.cpni_consent,
    customer.legal_hold,
    customer.created_at,
    customer.valid_from,
    customer.valid_to,
    customer.valid_to = 'infinity' as is_current
from {{ ref('stg_customers_versions') }} as customer
left join {{ ref('dim_service_zone') }} as zone on zone.zone_id = customer.service_zone_id

union all

select
    {{ unknown_key() }},
    {{ unknown_id() }},
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    {{ unknown_id() }},
    null, null, null, null, null, null, null, null, null, null, null, null,
    '-infinity', 'infinity', true
