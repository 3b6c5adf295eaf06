-- The coverage at AS_OF with names, the year before, and what is offered at addresses.
with at_as_of as (
    select * from {{ source('analytics', 'zone_coverage') }}
    where is_as_of
),

year_ago as (
    select distinct on (earlier.zone_id, earlier.provider_id)
        earlier.zone_id, earlier.provider_id, earlier.covered_area_km2
    from {{ source('analytics', 'zone_coverage') }} as earlier
    inner join at_as_of using (zone_id, provider_id)
    where earlier.coverage_date <= at_as_of.coverage_date - 365
    order by earlier.zone_id, earlier.provider_id, earlier.coverage_date desc
),

-- Where a provider names no locations nothing is known of its offers; where it does, a zone without any counts 0.
offering as (
    select distinct provider_id from {{ ref('dim_serviceable_location') }}
),

offer as (
    select
        location.zone_id,
        location.provider_id,
        count(distinct location.location_id) as locations_offered_count,
        count(distinct location.block_geoid) as blocks_offered_count,
        max(location.max_advertised_download_mbps) as highest_offered_download_mbps
    from {{ ref('dim_serviceable_location') }} as location
    inner join at_as_of using (zone_id, provider_id)
    where location.available_from <= at_as_of.coverage_date
        and coalesce(location.available_to, 'infinity') >= at_as_of.coverage_date
    group by location.zone_id, location.provider_id
),

newest as (
    select provider_id, max(updated_at) as data_through_at
    from {{ ref('dim_network_element') }}
    where updated_at <= {{ as_of() }}
    group by provider_id
)

select
    at_as_of.zone_id,
    zone.zone_name,
    zone.zone_type,
    zone.provider_id as zone_provider_id,
    at_as_of.provider_id,
    provider.provider_name,
    at_as_of.as_of_at,
    newest.data_through_at,
    at_as_of.is_zone_provider,
    at_as_of.elements_in_service_count,
    at_as_of.elements_covering_count,
    at_as_of.zone_area_km2,
    at_as_of.covered_area_km2,
    at_as_of.covered_area_percentage,
    year_ago.covered_area_km2 as covered_area_km2_a_year_ago,
    at_as_of.overlap_area_km2,
    at_as_of.overlapping_provider_count,
    round(100 * at_as_of.overlap_area_km2 / nullif(at_as_of.covered_area_km2, 0), 6) as overlap_area_percentage,
    at_as_of.tracts_count,
    at_as_of.tracts_covered_count,
    at_as_of.blocks_count,
    at_as_of.blocks_covered_count,
    at_as_of.households_count,
    at_as_of.households_covered_count,
    round(100.0 * at_as_of.households_covered_count / nullif(at_as_of.households_count, 0), 6)
        as households_covered_percentage,
    at_as_of.customers_count,
    at_as_of.customers_located_count,
    at_as_of.customers_covered_count,
    round(100.0 * at_as_of.customers_covered_count / nullif(at_as_of.customers_located_count, 0), 6)
        as customers_covered_percentage,
    case when offering.provider_id is not null then coalesce(offer.locations_offered_count, 0) end
        as locations_offered_count,
    case when offering.provider_id is not null then coalesce(offer.blocks_offered_count, 0) end as blocks_offered_count,
    offer.highest_offered_download_mbps
from at_as_of
inner join {{ ref('dim_service_zone') }} as zone on zone.zone_id = at_as_of.zone_id
inner join {{ ref('dim_provider') }} as provider on provider.provider_id = at_as_of.provider_id
left join year_ago on year_ago.zone_id = at_as_of.zone_id and year_ago.provider_id = at_as_of.provider_id
left join offer on offer.zone_id = at_as_of.zone_id and offer.provider_id = at_as_of.provider_id
left join offering on offering.provider_id = at_as_of.provider_id
left join newest on newest.provider_id = at_as_of.provider_id
