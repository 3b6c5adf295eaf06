{%- set began = local_day('service.activated_at', 'service.time_zone') -%}
-- One row per line and month: whether it opens and closes it in service, is a gain or a loss, how old it is, and its money.
-- A line is a service, whatever number of connections it has.
with pair as (
    select * from {{ ref('int_kpi__reconnections') }}
)

select
    month.provider_id,
    month.month_start_date,
    month.line_of_business,
    month.customer_class,
    month.service_id,
    month.customer_id,
    month.is_in_service_at_start as is_opening,
    month.is_in_service_at_end as is_closing,
    month.is_added and taken.added_service_id is null as is_gained,
    month.is_ended and lost.ended_service_id is null as is_lost,
    month.is_ended and lost.ended_service_id is not null as is_reconnected,
    case when month.is_ended and lost.ended_service_id is null then coalesce(reason.churn_kind, 'unknown') end as churn_kind,
    -- Months of the calendar since the one of activation; null while the line is not in force at all.
    case
        when month.is_in_force_at_start or month.is_added then
            (12 * (extract(year from month.month_start_date) - extract(year from {{ began }}))
                + extract(month from month.month_start_date) - extract(month from {{ began }}))::integer
    end as tenure_months,
    month.earned_amount_reporting,
    month.earned_service_amount_reporting,
    month.estimated_amount_reporting,
    month.earned_service_amount_reporting * coalesce(line.margin_share, 1) as contribution_amount_reporting
from {{ ref('fct_subscription_monthly') }} as month
left join pair as lost on lost.ended_service_id = month.service_id
left join pair as taken on taken.added_service_id = month.service_id
left join {{ ref('deactivation_reasons') }} as reason using (deactivation_reason)
left join {{ ref('int_plans__line_of_business') }} as line using (plan_key)
left join {{ ref('dim_service') }} as service on service.service_id = month.service_id and service.is_current
