{# A table, since every dashboard stands on it. #}
{{ config(materialized='in_place', contract={'enforced': true}) }}

-- One row per feed and provider: the newest event that was loaded and had happened by AS_OF.
select
    newest.feed,
    newest.provider_id,
    {{ as_of() }} as as_of_at,
    newest.data_through_at,
    {{ as_of() }} - newest.data_through_at > feeds.expected_every + feeds.grace as is_stale
from (
    select feed, provider_id, max(last_event_at) as data_through_at
    from {{ ref('int_freshness__hours') }}
    group by feed, provider_id
) as newest
inner join {{ source('raw', 'feeds') }} as feeds using (feed)
where newest.provider_id in (select known.provider_id from {{ ref('int_providers__calendar') }} as known)
