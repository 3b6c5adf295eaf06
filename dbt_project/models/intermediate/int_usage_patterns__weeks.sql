-- One row per service with full weeks: what the weeks hold, and the slope of the least-squares line through their GB.
with day as (
    select
        service.service_id,
        service.week_count,
        (usage.usage_date - service.from_date) / 7 as week,
        sum(usage.data_usage_bytes) as data_usage_bytes,
        sum(usage.roaming_data_usage_bytes) as roaming_data_usage_bytes,
        sum(usage.voice_seconds) as voice_seconds
    from {{ ref('int_usage_patterns__services') }} as service
    inner join {{ ref('fct_usage_daily') }} as usage
        on usage.service_id = service.service_id
        and usage.usage_date >= service.from_date and usage.usage_date < service.to_date
    -- Of a provider whose usage is overdue nothing is said.
    where usage.usage_date >= ({{ as_of() }} - {{ overdue_after('usage_records') }} - interval '100 days')::date
    group by service.service_id, service.week_count, week
)

select
    service_id,
    sum(data_usage_bytes) as data_usage_bytes,
    sum(roaming_data_usage_bytes) as roaming_data_usage_bytes,
    sum(voice_seconds) as voice_seconds,
    -- Weeks without usage are 0 on the line; around the middle week they add nothing to the sum.
    12 * sum((week - (week_count - 1) / 2.0) * {{ gigabytes('data_usage_bytes') }})
    / nullif(week_count::numeric * (week_count * week_count - 1), 0) as weekly_gb_slope
from day
group by service_id, week_count
