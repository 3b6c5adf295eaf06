-- One row per provider with assessments in the last 7 local days. What was promised is what the plan said as the day ended.
select
    quality.provider_id,
    avg(quality.speed_test_download_mbps) as avg_customer_download_speed,
    avg(quality.customer_rating) as avg_service_quality_rating,
    count(*) filter (where quality.speed_test_download_mbps < 0.5 * plan.speed_mbps_down) as speed_complaint_count
from {{ ref('fct_service_quality') }} as quality
inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
left join {{ ref('dim_service') }} as service on service.service_key = quality.service_key
left join {{ ref('dim_service_plan') }} as plan
    on plan.plan_id = service.plan_id
    and {{ holds_at(
        'plan', "(" ~ day_start('quality.assessment_date + 1', 'service.time_zone') ~ " - interval '1 microsecond')"
    ) }}
where quality.assessment_date between calendar.last_ended_date - 6 and calendar.last_ended_date
group by quality.provider_id
