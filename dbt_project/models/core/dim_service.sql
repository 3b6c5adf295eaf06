{{ config(effect={
    'from': 'greatest(changed.valid_from, least(changed.created_at, changed.activated_at))',
    'dates': ['valid_to', 'deactivated_at'], 'besides': ['is_current', 'deactivation_reason']
}, indexes=[
    {'columns': ['service_id', 'valid_from']}, {'columns': ['customer_id', 'service_status']}, {'columns': ['zone_id']},
    {'columns': ['provider_id']}, {'columns': ['serving_element_id']}
]) }}

with zone_of_block as (
    select distinct on (block_geoid, provider_id) block_geoid, provider_id, zone_id
    from {{ ref('dim_census_block') }}
    where zone_id <> {{ unknown_id() }}
    order by block_geoid, provider_id, zone_id
),

placed as (
    select
        service.*,
        coalesce(plan.provider_id, {{ unknown_id() }}) as provider_id,
        coalesce(zone.zone_id, {{ unknown_id() }}) as zone_id,
        coalesce(zone.time_zone, provider.time_zone, '{{ var("reporting_time_zone") }}') as time_zone
    from {{ ref('stg_customer_services_versions') }} as service
    left join {{ ref('dim_service_plan') }} as plan on plan.plan_id = service.plan_id and plan.is_current
    left join {{ ref('dim_provider') }} as provider on provider.provider_id = plan.provider_id
    left join {{ ref('stg_customers') }} as customer on customer.customer_id = service.customer_id
    left join {{ ref('dim_service_zone') }} as account_zone
        on account_zone.zone_id = customer.service_zone_id and account_zone.provider_id = plan.provider_id
    left join zone_of_block
        on zone_of_block.block_geoid = service.block_geoid and zone_of_block.provider_id = plan.provider_id
    left join {{ ref('dim_service_zone') }} as zone
        on zone.zone_id = coalesce(zone_of_block.zone_id, account_zone.zone_id)
),

-- A later version supplies the dates of the earlier ones: a service that came as terminated was active before. Its time
-- zone too: the local days of a service that moves neither overlap nor leave a gap.
version as (
    select
        *,
        last_value(activated_at) over whole as newest_activated_at,
        last_value(deactivated_at) over whole as newest_deactivated_at,
        last_value(deactivation_reason) over whole as newest_deactivation_reason,
        last_value(time_zone) over whole as newest_time_zone
    from placed
    window whole as (
        partition by service_id order by valid_from rows between unbounded preceding and unbounded following
    )
)

select
    {{ version_key('version.service_id', 'version.valid_from') }} as service_key,
    version.service_id,
    version.customer_id,
    version.plan_id,
    version.provider_id,
    version.zone_id,
    version.newest_time_zone as time_zone,
    version.service_number_hmac,
    version.service_status,
    version.newest_activated_at as activated_at,
    version.newest_deactivated_at as deactivated_at,
    version.newest_deactivation_reason as deactivation_reason,
    left(coalesce(version.block_geoid, version.tract_geoid), 11) as tract_geoid,
    version.service_state,
    version.serving_element_id,
    version.device_id,
    version.sold_by,
    version.contract_start,
    version.contract_end,
    coalesce(version.connections, 1) as connections,
    version.voice_grade_equivalents,
    version.discount_type,
    version.discount_value,
    version.discount_end,
    version.created_at,
    version.valid_from,
    version.valid_to,
    version.valid_to = 'infinity' as is_current
from version

union all

select
    {{ unknown_key() }},
    {{ unknown_id() }}, {{ unknown_id() }}, {{ unknown_id() }}, {{ unknown_id() }}, {{ unknown_id() }},
    '{{ var("reporting_time_zone") }}',
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    '-infinity', 'infinity', true
