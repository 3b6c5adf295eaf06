{# What usage changes, fct_usage_daily tells. #}
{{ config(
    materialized='in_place', contract={'enforced': true},
    settles={'margin_days': 0, 'apart_from': ['int_freshness__data_through', 'usage_records']}
) }}

-- One row per service with full weeks: what the weeks hold, and the slope of the least-squares line through their GB.
with {{ weeks_that_are_due() }},

week as (
    select
        due.service_id,
        due.week_count,
        (usage.usage_date - due.from_date) / 7 as week,
        sum(usage.data_usage_bytes) as data_usage_bytes,
        sum(usage.roaming_data_usage_bytes) as roaming_data_usage_bytes,
        sum(usage.voice_seconds) as voice_seconds
    from due
    inner join {{ ref('fct_usage_daily') }} as usage
        on usage.service_id = due.service_id and usage.usage_date >= due.from_date and usage.usage_date < due.to_date
    -- Of a provider whose usage is overdue nothing is said.
    where usage.usage_date >= ({{ as_of() }} - {{ overdue_after('usage_records') }} - interval '100 days')::date
    group by due.service_id, due.week_count, week
),

used as (
    select
        service_id,
        sum(data_usage_bytes)::bigint as data_usage_bytes,
        sum(roaming_data_usage_bytes)::bigint as roaming_data_usage_bytes,
        sum(voice_seconds)::bigint as voice_seconds,
        -- Weeks without usage are 0 on the line; around the middle week they add nothing to the sum.
        12 * sum((week - (week_count - 1) / 2.0) * {{ gigabytes('data_usage_bytes') }})
        / nullif(week_count::numeric * (week_count * week_count - 1), 0) as weekly_gb_slope
    from week
    group by service_id, week_count
)

select
    due.service_id,
    due.from_date,
    due.to_date,
    used.data_usage_bytes,
    used.roaming_data_usage_bytes,
    used.voice_seconds,
    used.weekly_gb_slope
from due
left join used on used.service_id = due.service_id
{{ and_weeks_that_are_kept(['data_usage_bytes', 'roaming_data_usage_bytes', 'voice_seconds', 'weekly_gb_slope']) }}
