select
    {{ version_key('customer_id', 'valid_from') }} as customer_key,
    customer_id,
    customer_type,
    left(first_name, 1) as first_name_initial,
    left(last_name, 1) as last_name_initial,
    extract(year from date_of_birth)::integer as birth_year,
    left(postal_code, 3) as postal_area,
    state,
    first_name_hmac,
    last_name_hmac,
    company_name_hmac,
    email_hmac,
    phone_hmac,
    service_zone_id,
    account_status,
    acquisition_date,
    acquisition_channel,
    acquisition_cost,
    lifetime_value,
    currency,
    churn_risk_score,
    auto_pay,
    marketing_consent,
    cpni_consent,
    legal_hold,
    created_at,
    valid_from,
    valid_to,
    valid_to = 'infinity' as is_current
from {{ ref('stg_customers_versions') }}

union all

select
    {{ unknown_key() }},
    {{ unknown_id() }},
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null,
    '-infinity', 'infinity', true
