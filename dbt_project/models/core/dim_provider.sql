{{ config(indexes=[{'columns': ['coverage_box'], 'type': 'gist'}]) }}

select
    provider_id,
    provider_name,
    provider_type,
    frn,
    bdc_provider_id,
    form499_id,
    brand_name,
    holding_company,
    market,
    state_fips,
    coalesce(time_zone, 'America/Chicago') as time_zone,
    is_covered_911_provider,
    is_ilec,
    study_area_codes,
    coverage_area,
    {{ bounding_box('coverage_area') }} as coverage_box,
    updated_at
from {{ ref('stg_providers') }}

union all

select
    {{ unknown_id() }},
    'unknown', null, null, null, null, null, null, null, null,
    '{{ var("reporting_time_zone") }}',
    null, null, null, null, null, null
