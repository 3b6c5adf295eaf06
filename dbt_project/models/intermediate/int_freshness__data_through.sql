-- One row per feed and provider: the newest event that was loaded and had happened by AS_OF.
select feed, provider_id, data_through_at, is_stale
from {{ ref('int_freshness__moments') }}
where moment = 'as_of'
