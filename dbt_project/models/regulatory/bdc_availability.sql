{{ config(filing_dates_of='as_of_date') }}

-- Older codes are collapsed before rows are grouped. A speed below 25/3 Mbps is filed as the FCC's service tier.
with asked as ({{ filing_dates() }}),

offer as (
    select
        asked.as_of_date,
        offer.provider_id,
        offer.location_id,
        technology.availability_technology_code,
        max(offer.max_advertised_download_mbps) as download_mbps,
        max(offer.max_advertised_upload_mbps) as upload_mbps,
        bool_or(offer.low_latency) as is_low_latency,
        case
            when bool_and(offer.business_residential_code = 'B') then 'B'
            when bool_and(offer.business_residential_code = 'R') then 'R'
            else 'X'
        end as business_residential_code,
        count(*) as offers_count
    from asked
    inner join {{ ref('dim_serviceable_location') }} as offer
        on offer.available_from <= asked.as_of_date
        and coalesce(offer.available_to, 'infinity') >= asked.as_of_date
    inner join {{ ref('technology_codes') }} as technology on technology.technology_code = offer.technology_code
    where technology.availability_technology_code is not null
    group by asked.as_of_date, offer.provider_id, offer.location_id, technology.availability_technology_code
)

select
    offer.as_of_date,
    offer.provider_id,
    offer.location_id,
    offer.availability_technology_code,
    provider.bdc_provider_id,
    coalesce(provider.brand_name, provider.provider_name) as brand_name,
    coalesce(tier.tier_download_mbps, offer.download_mbps) as max_advertised_download_mbps,
    coalesce(tier.tier_upload_mbps, offer.upload_mbps) as max_advertised_upload_mbps,
    offer.is_low_latency,
    offer.business_residential_code,
    offer.offers_count
from offer
inner join {{ ref('dim_provider') }} as provider on provider.provider_id = offer.provider_id
left join lateral (
    select speed_tier.tier_download_mbps, speed_tier.tier_upload_mbps
    from {{ ref('speed_tiers') }} as speed_tier
    where (
        offer.download_mbps < {{ filing_parameter('low_download_mbps') }}
        or offer.upload_mbps < {{ filing_parameter('low_upload_mbps') }}
    )
    and (
        offer.download_mbps < speed_tier.below_download_mbps or offer.upload_mbps < speed_tier.below_upload_mbps
    )
    order by speed_tier.below_download_mbps, speed_tier.below_upload_mbps
    limit 1
) as tier on true
