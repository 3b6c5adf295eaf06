{# A table: what all of the usage would be looked through for is in a few rows. #}
{{ config(
    effect={'from': 'changed.usage_date'}, settles={'period': 'usage_date', 'margin_days': 2},
    materialized='in_place', contract={'enforced': true}
) }}

select
    provider_id,
    usage_date,
    count(distinct service_id) as services_with_usage,
    sum(data_usage_bytes)::bigint as data_usage_bytes,
    sum(voice_seconds)::bigint as voice_seconds
from {{ ref('fct_usage_daily') }}
where {{ not_settled('usage_date') }}
group by provider_id, usage_date
