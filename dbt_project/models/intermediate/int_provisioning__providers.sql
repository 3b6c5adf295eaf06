-- One row per provider with orders: how far they reach by AS_OF, and whether more are overdue.
select
    placed.provider_id,
    calendar.time_zone,
    calendar.as_of_at,
    min(placed.requested_at) as first_order_at,
    max(placed.newest_at) as data_through_at,
    calendar.as_of_at - max(placed.newest_at) > max(feeds.expected_every + feeds.grace) as is_stale
from (
    select
        provider_id,
        requested_at,
        greatest(
            requested_at,
            case when completed_at <= {{ as_of() }} then completed_at end,
            case when updated_at <= {{ as_of() }} then updated_at end
        ) as newest_at
    from {{ ref('fct_service_order') }}
    where requested_at <= {{ as_of() }}
) as placed
inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
cross join {{ source('raw', 'feeds') }} as feeds
where feeds.feed = 'service_orders'
group by placed.provider_id, calendar.time_zone, calendar.as_of_at
