{{ config(indexes=[
    {'columns': ['zone_id', 'block_geoid']}, {'columns': ['tract_geoid']}, {'columns': ['location'], 'type': 'gist'}
]) }}

-- Zones that are not known (yet) are one zone, the unknown one.
select distinct on (block.block_geoid, coalesce(zone.zone_id, {{ unknown_id() }}))
    block.block_geoid,
    coalesce(zone.zone_id, {{ unknown_id() }}) as zone_id,
    coalesce(zone.provider_id, {{ unknown_id() }}) as provider_id,
    left(block.block_geoid, 11) as tract_geoid,
    left(block.block_geoid, 5) as county_geoid,
    left(block.block_geoid, 2) as state_fips,
    {{ place('block.longitude', 'block.latitude') }} as location,
    block.households,
    block.housing_units,
    block.population
from {{ ref('stg_census_blocks') }} as block
left join {{ ref('dim_service_zone') }} as zone on zone.zone_id = block.zone_id
order by block.block_geoid, coalesce(zone.zone_id, {{ unknown_id() }}), block.zone_id
