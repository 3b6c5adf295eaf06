-- One row per as-of date and customer: what the features of the services in force come to. Means are weighted by what
-- was measured; what is a customer's anyway (overdue, failed payments) is the same at every service.
select
    feature.as_of_date,
    feature.customer_id,
    -- One of a date; among what is grouped by they would stand between the two columns that others join on.
    max(feature.as_of_at) as as_of_at,
    bool_and(feature.is_latest) as is_latest,
    count(*) as services_in_force,
    min(feature.days_to_contract_end) as days_to_contract_end,
    sum(usage.observed_days_30d)::bigint as observed_days_30d,
    sum(usage.observed_days_31_90d)::bigint as observed_days_31_90d,
    sum(usage.data_bytes_30d) as data_bytes_30d,
    sum(usage.data_bytes_31_90d) as data_bytes_31_90d,
    sum(usage.roaming_bytes_30d) as roaming_bytes_30d,
    sum(usage.voice_seconds_30d) as voice_seconds_30d,
    sum(usage.sms_30d)::bigint as sms_30d,
    sum(usage.zero_usage_days_30d)::bigint as zero_usage_days_30d,
    sum(usage.zero_usage_days_31_90d)::bigint as zero_usage_days_31_90d,
    max(feature.allowance_use_ratio_90d) as max_allowance_use_ratio_90d,
    sum(feature.charged_amount_90d_reporting) as charged_amount_90d_reporting,
    sum(feature.overage_amount_90d_reporting) as overage_amount_90d_reporting,
    max(feature.overdue_days) as overdue_days,
    max(feature.overdue_days_365d) as overdue_days_365d,
    max(feature.failed_payments_180d) as failed_payments_180d,
    sum(feature.slow_assessments_90d)::bigint as slow_assessments_90d,
    sum(care.download_speed_percentage_sum) / nullif(sum(care.download_speed_tests_90d), 0)
        as avg_download_speed_percentage_90d,
    sum(care.rating_sum) / nullif(sum(care.ratings_365d), 0) as avg_customer_rating_365d,
    sum(feature.outages_90d)::bigint as outages_90d,
    max(feature.outage_hours_90d) as max_outage_hours_90d,
    sum(feature.porting_requests_90d)::bigint as porting_requests_90d
from {{ ref('feature_service') }} as feature
inner join {{ ref('int_features__care') }} as care using (as_of_date, service_id)
left join {{ ref('int_features__usage') }} as usage using (as_of_date, service_id)
where {{ not_settled('feature.as_of_date') }}
group by feature.as_of_date, feature.customer_id
