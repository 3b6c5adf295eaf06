{# A table: of the large facts it needs the last days only, and whoever asks how far a feed reaches needs it only. #}
{{ config(
    effect={'from': 'changed.event_hour_at'}, settles={'period': 'event_hour_at', 'margin_days': 2},
    materialized='in_place', contract={'enforced': true}
) }}

select
    feed,
    provider_id,
    date_trunc('hour', last_event_at, 'UTC') as event_hour_at,
    min(first_event_at) as first_event_at,
    max(last_event_at) as last_event_at
from {{ ref('int_freshness__events') }}
group by feed, provider_id, event_hour_at
