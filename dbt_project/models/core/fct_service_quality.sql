{{ config(
    effect={'from': 'changed.assessment_date'},
    settles={'period': 'assessment_date', 'margin_days': 2},
    indexes=[{'columns': ['assessment_date']}, {'columns': ['service_id', 'assessment_date']}]
) }}

with dated as (
    select
        quality.*,
        {{ day_start('quality.assessment_date + 1', "coalesce(calendar.time_zone, '" ~ var("reporting_time_zone") ~ "')") }}
            as day_end_at
    from {{ ref('stg_service_quality') }} as quality
    left join {{ ref('int_services__calendar') }} as calendar on calendar.service_id = quality.service_id
)

-- What was promised is what the plan said then, not what it says now.
select
    dated.assessment_id,
    dated.assessment_date,
    dated.service_id,
    coalesce(service.service_key, {{ unknown_key() }}) as service_key,
    coalesce(service.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(service.zone_id, {{ unknown_id() }}) as zone_id,
    coalesce(service.customer_id, {{ unknown_id() }}) as customer_id,
    coalesce(service.plan_id, {{ unknown_id() }}) as plan_id,
    coalesce(plan.plan_key, {{ unknown_key() }}) as plan_key,
    dated.speed_test_download_mbps,
    dated.speed_test_upload_mbps,
    plan.speed_mbps_down as advertised_download_mbps,
    plan.speed_mbps_up as advertised_upload_mbps,
    100 * dated.speed_test_download_mbps / nullif(plan.speed_mbps_down, 0) as download_speed_percentage,
    100 * dated.speed_test_upload_mbps / nullif(plan.speed_mbps_up, 0) as upload_speed_percentage,
    dated.speed_test_download_mbps < 0.5 * nullif(plan.speed_mbps_down, 0) as is_below_half_speed,
    dated.latency_ms,
    dated.packet_loss_percentage,
    dated.customer_rating
from dated
left join {{ ref('dim_service') }} as service
    on service.service_id = dated.service_id
    and {{ holds_at('service', "(dated.day_end_at - interval '1 microsecond')") }}
left join {{ ref('dim_service_plan') }} as plan
    on plan.plan_id = service.plan_id
    and {{ holds_at('plan', "(dated.day_end_at - interval '1 microsecond')") }}
