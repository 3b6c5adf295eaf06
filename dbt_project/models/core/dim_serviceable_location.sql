{{ config(indexes=[
    {'columns': ['block_geoid']}, {'columns': ['zone_id', 'technology_code']}, {'columns': ['location'], 'type': 'gist'}
]) }}

-- A location lies in its block's zone of the provider that offers the service.
select distinct on (coalesce(provider.provider_id, {{ unknown_id() }}), offer.location_id, offer.technology_code)
    coalesce(provider.provider_id, {{ unknown_id() }}) as provider_id,
    offer.location_id,
    offer.technology_code,
    offer.block_geoid,
    left(offer.block_geoid, 11) as tract_geoid,
    coalesce(block.zone_id, {{ unknown_id() }}) as zone_id,
    offer.max_advertised_download_mbps,
    offer.max_advertised_upload_mbps,
    offer.low_latency,
    offer.business_residential_code,
    {{ place('offer.longitude', 'offer.latitude') }} as location,
    offer.available_from,
    offer.available_to,
    offer.updated_at
from {{ ref('stg_serviceable_locations') }} as offer
left join {{ ref('dim_provider') }} as provider on provider.provider_id = offer.provider_id
left join {{ ref('dim_census_block') }} as block
    on block.block_geoid = offer.block_geoid
    and block.provider_id = provider.provider_id
    and block.provider_id <> {{ unknown_id() }}
order by
    coalesce(provider.provider_id, {{ unknown_id() }}), offer.location_id, offer.technology_code,
    offer.updated_at desc, block.zone_id
