{{ config(filing_dates_of='as_of_date') }}

-- The clocks run from the discovery; where none is known from the outage's start, which is marked.
with clock as (
    select
        *,
        case when reportable_by <> '' then known_at + notification_minutes * interval '1 minute' end as notification_due_at,
        case when reportable_by <> '' then known_at + initial_report_hours * interval '1 hour' end as initial_report_due_at,
        case when reportable_by <> '' then known_at + final_report_days * interval '1 day' end as final_report_due_at,
        case
            when affects_911 or affects_988
                then known_at + {{ filing_parameter('facility_notice_minutes') }} * interval '1 minute'
        end as facility_notice_due_at,
        case
            when affects_911 or affects_988 then coalesce(
                psap_notified_at, known_at + {{ filing_parameter('facility_notice_minutes') }} * interval '1 minute'
            ) + {{ filing_parameter('facility_followup_minutes') }} * interval '1 minute'
        end as facility_followup_due_at
    from {{ ref('outage_measured') }}
)

select
    as_of_date,
    outage_id,
    provider_id,
    zone_id,
    element_id,
    period_start_date,
    service_kind,
    outage_type,
    is_planned,
    outage_start,
    known_at,
    discovered_at is null as is_discovery_assumed,
    actual_restoration,
    round(outage_minutes, 3) as outage_minutes,
    voice_lines,
    computed_user_minutes,
    user_minutes,
    affected_user_minutes is not null as is_user_minutes_reported,
    coalesce(
        is_voice_affected and abs(affected_user_minutes - computed_user_minutes)
        > {{ filing_parameter('user_minutes_difference_share') }} * computed_user_minutes,
        false
    ) as is_user_minutes_apart,
    reportable_by <> '' as is_reportable,
    nullif(reportable_by, '') as reportable_by,
    is_dirs_active,
    notification_due_at,
    {{ clock_verdict('notification_due_at', 'nors_notified_at') }} as notification_verdict,
    initial_report_due_at,
    {{ clock_verdict('initial_report_due_at', 'nors_initial_filed_at') }} as initial_report_verdict,
    final_report_due_at,
    {{ clock_verdict('final_report_due_at', 'nors_final_filed_at') }} as final_report_verdict,
    facility_notice_due_at,
    {{ clock_verdict('facility_notice_due_at', 'psap_notified_at') }} as facility_notice_verdict,
    facility_followup_due_at,
    {{ clock_verdict('facility_followup_due_at', 'facility_followup_at') }} as facility_followup_verdict
from clock
