{# A table: what all of the usage is looked through for is in a few rows. #}
{{ config(
    effect={'from': 'changed.usage_date'}, settles={'period': 'usage_date', 'margin_days': 2},
    materialized='in_place', contract={'enforced': true}
) }}

select distinct provider_id, usage_date
from {{ ref('fct_usage_daily') }}
where {{ not_settled('usage_date') }}
