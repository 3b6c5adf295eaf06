-- One row per provider and moment with data: how far all feeds reach, which are overdue, and which can be relied on.
{%- set feeds = {
    'network_performance': 'performance', 'service_quality': 'quality', 'usage_records': 'usage', 'bills': 'bills',
    'support_tickets': 'tickets'
} %}
select
    provider_id,
    moment,
    as_of_at,
    min(data_through_at) as data_through_at,
    coalesce(array_agg(feed order by feed) filter (where is_stale), '{}') as stale_feeds
    {%- for feed, name in feeds.items() %},
    coalesce(bool_or(feed = '{{ feed }}' and not is_stale), false) as has_{{ name }}
    {%- endfor %}
from {{ ref('int_freshness__moments') }}
group by provider_id, moment, as_of_at
