-- One row per provider and moment: every measure and the health score, which adds points per component; a component
-- without data counts nothing, or the last of its steps.
with points as (
    select
        measure.*,
        coalesce(measure.network_uptime_percentage, 0) / 100 * {{ full_points('operations', 'network_health') }}
            as network_points,
        coalesce(measure.avg_customer_satisfaction, 0) / 5 * {{ full_points('operations', 'customer_satisfaction') }}
            as satisfaction_points,
        {{ step_points('operations', 'service_quality', 'measure.avg_download_speed_mbps', '>=') }} as speed_points,
        coalesce(measure.paid_bill_share, 0) * {{ full_points('operations', 'payment_performance') }} as payment_points,
        {{ step_points('operations', 'support_efficiency', 'measure.avg_resolution_hours', '<=') }} as support_points
    from {{ ref('int_operations__measures') }} as measure
)

select
    *,
    cardinality(stale_feeds) > 0 as is_stale,
    round(100 * paid_bill_share, 1) as payment_rate_percentage,
    -- A share that does not end is cut off: without the inner rounding 7/12 of 15 points would miss its tie.
    round(round(network_points + satisfaction_points + speed_points + payment_points + support_points, 9), 1)
        as overall_operations_health_score,
    array_remove(array[
        case when network_uptime_percentage is null then 'network_uptime_percentage' end,
        case when avg_customer_satisfaction is null then 'avg_customer_satisfaction' end,
        case when avg_download_speed_mbps is null then 'avg_download_speed_mbps' end,
        case when paid_bill_share is null then 'payment_rate_percentage' end,
        case when avg_resolution_hours is null then 'avg_resolution_hours' end
    ], null) as missing_inputs
from points
