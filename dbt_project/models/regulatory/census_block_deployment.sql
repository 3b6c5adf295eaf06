{{ config(filing_dates_of='as_of_date') }}

-- Older codes are collapsed before rows are grouped, so that no row is there twice.
with asked as ({{ filing_dates() }}),

offer as (
    select
        asked.as_of_date,
        offer.provider_id,
        offer.block_geoid,
        technology.block_technology_code,
        offer.max_advertised_download_mbps,
        offer.max_advertised_upload_mbps,
        offer.business_residential_code in ('R', 'X') as is_consumer,
        offer.business_residential_code in ('B', 'X') as is_business
    from asked
    inner join {{ ref('dim_serviceable_location') }} as offer
        on offer.available_from <= asked.as_of_date
        and coalesce(offer.available_to, 'infinity') >= asked.as_of_date
    inner join {{ ref('technology_codes') }} as technology on technology.technology_code = offer.technology_code
    where technology.block_technology_code is not null
)

select
    offer.as_of_date,
    offer.provider_id,
    offer.block_geoid,
    offer.block_technology_code,
    coalesce(provider.brand_name, provider.provider_name) as brand_name,
    bool_or(offer.is_consumer) as is_consumer_offered,
    coalesce(max(offer.max_advertised_download_mbps) filter (where offer.is_consumer), 0)
        as max_advertised_download_mbps,
    coalesce(max(offer.max_advertised_upload_mbps) filter (where offer.is_consumer), 0) as max_advertised_upload_mbps,
    bool_or(offer.is_business) as is_business_offered
from offer
inner join {{ ref('dim_provider') }} as provider on provider.provider_id = offer.provider_id
group by
    offer.as_of_date, offer.provider_id, offer.block_geoid, offer.block_technology_code,
    coalesce(provider.brand_name, provider.provider_name)
