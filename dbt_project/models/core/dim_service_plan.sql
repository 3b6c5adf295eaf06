select
    {{ version_key('plan_id', 'valid_from') }} as plan_key,
    plan_id,
    provider_id,
    plan_name,
    plan_type,
    includes,
    technology_code,
    voice_service,
    voice_lines,
    base_price,
    currency,
    data_allowance_gb,
    voice_allowance_minutes,
    sms_allowance,
    speed_mbps_down,
    speed_mbps_up,
    overage_price_per_gb,
    overage_price_per_minute,
    overage_price_per_sms,
    rating_rules,
    bundle_components,
    contract_months,
    early_termination_fee,
    is_business,
    coalesce(is_prepaid, false) as is_prepaid,
    includes_long_distance,
    local_loop,
    additional_features,
    available_from,
    available_to,
    valid_from,
    valid_to,
    valid_to = 'infinity' as is_current
from {{ ref('stg_service_plans_versions') }}

union all

select
    {{ unknown_key() }},
    {{ unknown_id() }}, {{ unknown_id() }},
    'unknown', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null,
    '-infinity', 'infinity', true
