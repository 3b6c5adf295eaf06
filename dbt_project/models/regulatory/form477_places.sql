{{ config(filing_dates_of='as_of_date') }}

-- The first that works: the block, the tract as stated, the block of the location, the nearest block's point.
with asked as ({{ filing_dates() }}),

placed as (
    select distinct on (asked.as_of_date, place.service_key)
        asked.as_of_date,
        place.service_key,
        place.provider_id,
        place.block_geoid,
        place.stated_tract_geoid,
        place.bdc_location_id,
        place.location
    from asked
    inner join {{ ref('form477_parts') }} as part on part.as_of_date = asked.as_of_date
    inner join {{ ref('dim_service_place') }} as place on place.service_key = part.service_key
    where part.plan_type <> 'mobile'
),

at_location as (
    select location_id, min(tract_geoid) as tract_geoid
    from {{ ref('dim_serviceable_location') }}
    group by location_id
)

select
    placed.as_of_date,
    placed.service_key,
    placed.provider_id,
    case
        when placed.block_geoid is not null then left(placed.block_geoid, 11)
        when placed.stated_tract_geoid is not null then placed.stated_tract_geoid
        else coalesce(at_location.tract_geoid, near.tract_geoid)
    end as tract_geoid,
    case
        when placed.block_geoid is not null then 'block'
        when placed.stated_tract_geoid is not null then 'stated_tract'
        when at_location.tract_geoid is not null then 'location'
        when near.tract_geoid is not null then 'nearest_block'
    end as tract_source
from placed
left join at_location
    on at_location.location_id = placed.bdc_location_id
    and placed.block_geoid is null and placed.stated_tract_geoid is null
left join lateral (
    select block.tract_geoid
    from {{ ref('dim_census_block') }} as block
    cross join (select {{ filing_parameter('nearest_block_metres') }} as metres) as reach
    where placed.block_geoid is null and placed.stated_tract_geoid is null and at_location.tract_geoid is null
        and placed.location is not null
        and block.location <@ box(
            point(
                placed.location[0] - reach.metres / 111000 / cos(radians(placed.location[1])),
                placed.location[1] - reach.metres / 111000
            ),
            point(
                placed.location[0] + reach.metres / 111000 / cos(radians(placed.location[1])),
                placed.location[1] + reach.metres / 111000
            )
        )
        and {{ metres_between('block.location', 'placed.location') }} <= reach.metres
    order by {{ metres_between('block.location', 'placed.location') }}, block.block_geoid
    limit 1
) as near on true
