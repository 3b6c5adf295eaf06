{{ config(materialized='view') }}

-- Kind of service, minutes, user-minutes, and by which thresholds an outage must be reported.
with named as (
    select
        behind.as_of_date,
        behind.period_start_date,
        behind.voice_lines,
        outage.*,
        provider.provider_type,
        element.element_type,
        provider.time_zone,
        least(outage.actual_restoration, {{ as_of() }}) as ended_at,
        coalesce(outage.discovered_at, outage.outage_start) as known_at,
        coalesce(outage.affected_service in ('all', 'voice', 'emergency'), true) as is_voice_affected,
        behind.voip_lines > 0 and behind.voip_lines = behind.voice_lines as is_voip_only
    from {{ ref('outage_behind') }} as behind
    inner join {{ ref('fct_outage') }} as outage on outage.outage_id = behind.outage_id
    inner join {{ ref('dim_provider') }} as provider on provider.provider_id = outage.provider_id
    left join {{ ref('dim_network_element') }} as element on element.element_key = outage.element_key
),

kind as (
    select
        named.*,
        case when named.is_voip_only and named.is_voice_affected then 'voip' else rule.service_kind end as service_kind,
        extract(epoch from coalesce(named.ended_at, {{ as_of() }}) - named.outage_start) / 60 as outage_minutes
    from named
    left join lateral (
        select rule.service_kind
        from {{ ref('outage_service_kinds') }} as rule
        where (rule.element_type is null or rule.element_type = named.element_type)
            and (rule.provider_type is null or rule.provider_type = named.provider_type)
        order by rule.rank
        limit 1
    ) as rule on true
),

counted as (
    select
        *,
        case
            when is_voice_affected then round(outage_minutes * coalesce(affected_numbers, voice_lines), 3)
        end as computed_user_minutes
    from kind
),

judged as (
    select
        counted.*,
        case
            when counted.is_voice_affected
                then coalesce(counted.affected_user_minutes, counted.computed_user_minutes)
        end as user_minutes,
        threshold.minimum_minutes,
        threshold.user_minutes as user_minutes_threshold,
        threshold.oc3_minutes as oc3_minutes_threshold,
        threshold.counts_switching_centre,
        threshold.counts_special_facility,
        threshold.counts_911_facility,
        case when counted.affects_911 then threshold.notification_minutes_911 else threshold.notification_minutes end
            as notification_minutes,
        threshold.initial_report_hours,
        threshold.final_report_days
    from counted
    left join {{ ref('nors_thresholds') }} as threshold on threshold.service_kind = counted.service_kind
)

select
    judged.*,
    case
        when not is_planned and outage_minutes >= minimum_minutes then concat_ws(
            ', ',
            case when user_minutes >= user_minutes_threshold then 'user_minutes' end,
            case when oc3_minutes >= oc3_minutes_threshold then 'oc3_minutes' end,
            case when counts_switching_centre and is_mobile_switching_centre then 'switching_centre' end,
            case when counts_special_facility and is_special_facility then 'special_facility' end,
            case when counts_911_facility and affects_911 then '911_facility' end
        )
        else ''
    end as reportable_by,
    dirs.is_active is not null as is_dirs_active
from judged
left join lateral (
    select true as is_active
    from {{ ref('dirs_events') }} as event
    where judged.county_fips @> to_jsonb(event.county_fips)
        and judged.known_at >= event.active_from and judged.known_at < coalesce(event.active_to, 'infinity')
    order by event.event_name
    limit 1
) as dirs on true
