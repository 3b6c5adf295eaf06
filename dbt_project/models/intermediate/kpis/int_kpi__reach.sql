-- One row per provider: how far the feeds of the key figures reach, and until when each can be relied on: its newest event
-- and its cadence.
{%- set feeds = {
    'network_performance': 'performance', 'service_quality': 'quality', 'bills': 'bills', 'support_tickets': 'tickets'
} %}
select
    newest.provider_id,
    min(newest.data_through_at) as data_through_at,
    min(newest.data_through_at + feeds.expected_every + feeds.grace) as reach_at
    {%- for feed, name in feeds.items() %},
    min(newest.data_through_at + feeds.expected_every + feeds.grace) filter (where feed = '{{ feed }}')
        as {{ name }}_reach_at
    {%- endfor %}
from {{ ref('int_freshness__data_through') }} as newest
inner join {{ source('raw', 'feeds') }} as feeds using (feed)
where feed in ('{{ feeds.keys() | join("', '") }}')
group by newest.provider_id
