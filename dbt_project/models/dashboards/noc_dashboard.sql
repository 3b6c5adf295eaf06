{{ config(tags=['quarter_hourly'], only_as_of=true) }}
{%- set as_of_date = local_day(as_of(), "'" ~ var('reporting_time_zone') ~ "'") %}

-- The health score adds points per component; a component without data counts nothing, or as if there were nothing. Churn
-- scores are daily: those of AS_OF's date count, else those of the day before.
with scored as (
    select *
    from {{ source('analytics', 'churn_scores') }}
    where as_of_date = (
        select max(newest.as_of_date)
        from {{ source('analytics', 'churn_scores') }} as newest
        where newest.as_of_date between {{ as_of_date }} - 1 and {{ as_of_date }}
    )
),

-- A customer counts at every provider with a service in force.
high_risk as (
    select membership.provider_id, count(*) filter (where scored.is_high_risk) as high_risk_customers
    from scored
    inner join {{ ref('bridge_customer_provider') }} as membership
        on membership.customer_id = scored.customer_id and {{ holds_at('membership', as_of()) }}
    where scored.is_high_risk is not null
    group by membership.provider_id
),

points as (
    select
        measure.*,
        high_risk.high_risk_customers,
        coalesce(measure.network_availability_percentage, 0) / 100 * {{ full_points('noc', 'network_availability') }}
            as network_points,
        coalesce(measure.avg_service_quality_rating, 0) / 5 * {{ full_points('noc', 'service_quality') }} as quality_points,
        case
            when coalesce(measure.active_outages, 0) = 0 then {{ full_points('noc', 'no_active_outage') }}
            else {{ step_points('noc', 'outage_impact', 'measure.total_customers_impacted', '<') }}
        end as outage_points,
        coalesce(measure.avg_service_quality_rating, 0) / 5 * {{ full_points('noc', 'customer_satisfaction') }}
            as satisfaction_points,
        {{ step_points('noc', 'support_efficiency', 'coalesce(measure.open_support_tickets, 0)', '<') }} as support_points
    from {{ ref('int_noc__measures') }} as measure
    left join high_risk using (provider_id)
)

select
    provider_id,
    provider_name,
    as_of_at,
    data_through_at,
    cardinality(stale_feeds) > 0 as is_stale,
    stale_feeds,
    total_elements,
    active_elements,
    failed_elements,
    network_availability_percentage,
    availability_percentage,
    active_outages,
    total_customers_impacted,
    longest_outage_hours,
    avg_signal_strength,
    avg_bandwidth_utilization,
    max_latency_ms,
    avg_error_rate,
    avg_customer_download_speed,
    avg_service_quality_rating,
    speed_complaint_count,
    active_services,
    data_usage_tb_last_hour,
    avg_customer_signal_strength,
    high_risk_customers,
    open_support_tickets,
    overdue_billing_rate,
    -- A share that does not end is cut off: without the inner rounding it would miss a tie.
    round(round(network_points + quality_points + outage_points + satisfaction_points + support_points, 9), 1)
        as overall_system_health_score,
    array_remove(array[
        case when network_availability_percentage is null then 'network_availability_percentage' end,
        case when avg_service_quality_rating is null then 'avg_service_quality_rating' end,
        case when active_outages is null then 'active_outages' end,
        case when active_outages > 0 and total_customers_impacted is null then 'total_customers_impacted' end,
        case when open_support_tickets is null then 'open_support_tickets' end
    ], null) as missing_inputs
from points
