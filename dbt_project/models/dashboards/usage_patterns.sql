{{ config(indexes=[{'columns': ['service_id']}, {'columns': ['provider_id', 'segment']}]) }}

-- Without a full week, or where usage is overdue, nothing is said.
with measured as (
    select
        service.*,
        service.week_count > 0 and not service.is_stale as is_known,
        {{ gigabytes('coalesce(weeks.data_usage_bytes, 0)') }} / nullif(service.week_count, 0) as avg_weekly_gb,
        coalesce(weeks.voice_seconds, 0) / 60.0 / nullif(service.week_count, 0) as avg_weekly_voice_minutes,
        case when service.week_count > 1 then coalesce(weeks.weekly_gb_slope, 0) end as weekly_gb_slope,
        weeks.roaming_data_usage_bytes / nullif(weeks.data_usage_bytes, 0)::numeric as roaming_share,
        profile.hour_of_week_shares,
        profile.peak_hour_of_week,
        profile.night_share,
        profile.business_hours_share,
        profile.weekend_share
    from {{ ref('int_usage_patterns__services') }} as service
    left join {{ ref('int_usage_patterns__weeks') }} as weeks using (service_id)
    left join {{ ref('int_usage_patterns__profile') }} as profile using (service_id)
)

select
    measured.service_id,
    measured.service_key,
    measured.customer_id,
    measured.provider_id,
    measured.zone_id,
    {{ as_of() }} as as_of_at,
    measured.data_through_at,
    measured.is_stale,
    measured.from_date,
    measured.to_date,
    measured.week_count,
    case when measured.is_known then measured.avg_weekly_gb end as avg_weekly_gb,
    case when measured.is_known then measured.weekly_gb_slope end as weekly_gb_slope,
    case when measured.is_known then measured.avg_weekly_voice_minutes end as avg_weekly_voice_minutes,
    case when measured.is_known then measured.roaming_share end as roaming_share,
    case when measured.is_known then measured.hour_of_week_shares end as hour_of_week_shares,
    case when measured.is_known then measured.peak_hour_of_week end as peak_hour_of_week,
    case when measured.is_known then measured.night_share end as night_share,
    case when measured.is_known then measured.business_hours_share end as business_hours_share,
    case when measured.is_known then measured.weekend_share end as weekend_share,
    segment.segment
from measured
left join lateral (
    select rule.segment
    from {{ ref('usage_segments') }} as rule
    where measured.is_known
        and (rule.max_weekly_gb is null or measured.avg_weekly_gb <= rule.max_weekly_gb)
        and (rule.min_weekly_gb is null or measured.avg_weekly_gb >= rule.min_weekly_gb)
        and (rule.min_weekly_voice_minutes is null or measured.avg_weekly_voice_minutes >= rule.min_weekly_voice_minutes)
        and (rule.min_roaming_share is null or measured.roaming_share >= rule.min_roaming_share)
        and (rule.min_night_share is null or measured.night_share >= rule.min_night_share)
        and (rule.min_business_hours_share is null or measured.business_hours_share >= rule.min_business_hours_share)
        and (rule.min_weekend_share is null or measured.weekend_share >= rule.min_weekend_share)
    order by rule.priority
    limit 1
) as segment on true
