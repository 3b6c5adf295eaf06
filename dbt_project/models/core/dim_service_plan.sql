{{ config(effect={
    'from': 'greatest(changed.valid_from, changed.available_from)', 'dates': ['valid_to'], 'besides': ['is_current']
}, indexes=[
    {'columns': ['plan_id', 'valid_from']}, {'columns': ['provider_id', 'plan_type']},
    {'columns': ['additional_features'], 'type': 'gin'}
]) }}

select
    {{ version_key('plan.plan_id', 'plan.valid_from') }} as plan_key,
    plan.plan_id,
    coalesce(provider.provider_id, {{ unknown_id() }}) as provider_id,
    plan.plan_name,
    plan.plan_type,
    plan.includes,
    plan.technology_code,
    plan.voice_service,
    plan.voice_lines,
    plan.base_price,
    plan.currency,
    plan.data_allowance_gb,
    plan.voice_allowance_minutes,
    plan.sms_allowance,
    plan.speed_mbps_down,
    plan.speed_mbps_up,
    plan.overage_price_per_gb,
    plan.overage_price_per_minute,
    plan.overage_price_per_sms,
    plan.rating_rules,
    plan.bundle_components,
    plan.contract_months,
    plan.early_termination_fee,
    plan.is_business,
    coalesce(plan.is_prepaid, false) as is_prepaid,
    plan.includes_long_distance,
    plan.local_loop,
    plan.additional_features,
    plan.available_from,
    plan.available_to,
    plan.valid_from,
    plan.valid_to,
    plan.valid_to = 'infinity' as is_current
from {{ ref('stg_service_plans_versions') }} as plan
left join {{ ref('dim_provider') }} as provider on provider.provider_id = plan.provider_id

union all

select
    {{ unknown_key() }},
    {{ unknown_id() }}, {{ unknown_id() }},
    'unknown', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null,
    '-infinity', 'infinity', true
