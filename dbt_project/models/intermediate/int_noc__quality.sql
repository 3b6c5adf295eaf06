-- One row per provider with assessments in the last 7 local days.
select
    quality.provider_id,
    avg(quality.speed_test_download_mbps) as avg_customer_download_speed,
    avg(quality.customer_rating) as avg_service_quality_rating,
    count(*) filter (where quality.is_below_half_speed) as speed_complaint_count
from {{ ref('fct_service_quality') }} as quality
inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
where quality.assessment_date between calendar.last_ended_date - 6 and calendar.last_ended_date
group by quality.provider_id
