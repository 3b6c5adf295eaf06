{# A table: whoever asks on which days a service was used need not look through all of its usage. #}
{{ config(
    effect={'from': 'changed.month_start_date'},
    settles={'period': 'month_start_date', 'granularity': 'month', 'margin_days': 2},
    materialized='in_place', contract={'enforced': true}
) }}

-- One row per service and month with usage: on which of its local days there was any, bit 0 for the first of the month.
select
    service_id,
    date_trunc('month', usage_date)::date as month_start_date,
    bit_or(1 << (date_part('day', usage_date)::integer - 1)) as used_days
from {{ ref('fct_usage_daily') }}
where data_usage_bytes + voice_seconds + sms_count > 0 and {{ not_settled('usage_date') }}
group by 1, 2
