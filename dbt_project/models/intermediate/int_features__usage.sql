{# A table, since several models stand on it. #}
{{ config(
    effect={'from': 'changed.as_of_date'}, settles={'period': 'as_of_date', 'margin_days': 1},
    materialized='in_place', contract={'enforced': true}
) }}

-- One row per as-of date and service: what was used in the last 30 days that had ended, and in the 60 before them. Only
-- days in service are observed on which the provider's usage had come: a silent day is not a day without data.
with service as not materialized (
    select * from {{ ref('int_features__services') }} where {{ not_settled('as_of_date') }}
),

covered as (
    select
        span.provider_id, span.last_ended_date,
        min(usage.usage_date) as first_date,
        max(usage.usage_date) as last_date
    from (select distinct provider_id, last_ended_date from service) as span
    inner join {{ ref('int_usage__provider_days') }} as usage
        on usage.provider_id = span.provider_id and usage.usage_date <= span.last_ended_date
    group by span.provider_id, span.last_ended_date
),

observed as (
    select
        service.as_of_date, service.service_id, service.last_ended_date, service.activated_date,
        greatest(
            least(service.last_ended_date, covered.last_date)
            - greatest(service.last_ended_date - 29, service.activated_date, covered.first_date) + 1, 0
        )::bigint as observed_days_30d,
        greatest(
            least(service.last_ended_date - 30, covered.last_date)
            - greatest(service.last_ended_date - 89, service.activated_date, covered.first_date) + 1, 0
        )::bigint as observed_days_31_90d
    from service
    inner join covered
        on covered.provider_id = service.provider_id and covered.last_ended_date = service.last_ended_date
)

-- By service and range of days, so that the index finds them: a join of all days with all dates visits each day as often
-- as there are dates.
select
    observed.as_of_date,
    observed.service_id,
    observed.observed_days_30d,
    observed.observed_days_31_90d,
    coalesce(used.data_bytes_30d, 0) as data_bytes_30d,
    coalesce(used.data_bytes_31_90d, 0) as data_bytes_31_90d,
    coalesce(used.roaming_bytes_30d, 0) as roaming_bytes_30d,
    coalesce(used.voice_seconds_30d, 0) as voice_seconds_30d,
    coalesce(used.sms_30d, 0)::bigint as sms_30d,
    greatest(observed.observed_days_30d - coalesce(bit_count(used.used_days_30d), 0), 0) as zero_usage_days_30d,
    greatest(observed.observed_days_31_90d - coalesce(bit_count(used.used_days_31_90d), 0), 0) as zero_usage_days_31_90d
from observed
cross join lateral (
    select
        sum(day.data_usage_bytes) filter (where day.usage_date > observed.last_ended_date - 30) as data_bytes_30d,
        sum(day.data_usage_bytes) filter (where day.usage_date <= observed.last_ended_date - 30) as data_bytes_31_90d,
        sum(day.roaming_data_usage_bytes) filter (where day.usage_date > observed.last_ended_date - 30) as roaming_bytes_30d,
        sum(day.voice_seconds) filter (where day.usage_date > observed.last_ended_date - 30) as voice_seconds_30d,
        sum(day.sms_count) filter (where day.usage_date > observed.last_ended_date - 30) as sms_30d,
        -- A bit per day: several elements may have served a day, and counting distinct days would sort all of them.
        bit_or(1 << (observed.last_ended_date - day.usage_date)) filter (
            where day.usage_date > observed.last_ended_date - 30
                and day.data_usage_bytes + day.voice_seconds + day.sms_count > 0
        )::bit(32) as used_days_30d,
        bit_or(1::bigint << (observed.last_ended_date - day.usage_date - 30)) filter (
            where day.usage_date <= observed.last_ended_date - 30
                and day.data_usage_bytes + day.voice_seconds + day.sms_count > 0
        )::bit(64) as used_days_31_90d
    from {{ ref('fct_usage_daily') }} as day
    where day.service_id = observed.service_id
        and day.usage_date between observed.last_ended_date - 89 and observed.last_ended_date
        and observed.activated_date <= day.usage_date
) as used
