{{ config(materialized='view', contract={'enforced': false}) }}

-- A view, since the hourly check looks on its own, whether or not anything is built.
select
    freshness.feed,
    freshness.provider_id,
    coalesce(provider.provider_name, 'unknown') as provider_name,
    freshness.as_of_at,
    freshness.newest_event_at as data_through_at,
    freshness.expected_by_at,
    freshness.is_overdue,
    case when freshness.is_overdue then extract(epoch from freshness.as_of_at - freshness.expected_by_at) / 3600 end
        as overdue_hours,
    freshness.checked_at
from {{ source('quality', 'freshness') }} as freshness
left join {{ ref('dim_provider') }} as provider on provider.provider_id = freshness.provider_id
