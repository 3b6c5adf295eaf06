-- One row per provider with data: how far all its feeds reach, which are overdue, and which can be relied on.
{%- set feeds = {
    'network_performance': 'performance', 'service_quality': 'quality', 'usage_records': 'usage', 'bills': 'bills',
    'support_tickets': 'tickets'
} %}
select
    provider_id,
    min(data_through_at) as data_through_at,
    coalesce(array_agg(feed order by feed) filter (where is_stale), '{}') as stale_feeds
    {%- for feed, name in feeds.items() %},
    coalesce(bool_or(feed = '{{ feed }}' and not is_stale), false) as has_{{ name }}
    {%- endfor %}
from {{ ref('int_freshness__data_through') }}
group by provider_id
