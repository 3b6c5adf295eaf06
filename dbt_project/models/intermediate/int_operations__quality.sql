-- One row per provider and moment with assessments in the last 30 local days.
select
    quality.provider_id,
    day.moment,
    day.as_of_at,
    avg(quality.speed_test_download_mbps) as avg_download_speed_mbps,
    avg(quality.customer_rating) as avg_customer_satisfaction,
    count(*) filter (where quality.speed_test_download_mbps < 10) as slow_speed_reports
from {{ ref('fct_service_quality') }} as quality
inner join {{ ref('int_providers__last_30_days') }} as day
    on day.provider_id = quality.provider_id and day.local_date = quality.assessment_date
group by quality.provider_id, day.moment, day.as_of_at
