{{ config(
    effect={'from': 'changed.as_of_date'}, settles={'period': 'as_of_date', 'margin_days': 1},
    indexes=[{'columns': ['service_id', 'as_of_date']}, {'columns': ['as_of_date']}]
) }}

with ticket as (
    select * from {{ ref('int_features__tickets') }} where service_id is not null
)

select
    service.as_of_date,
    service.as_of_at,
    service.is_latest,
    service.service_id,
    service.service_key,
    service.customer_id,
    service.provider_id,
    service.zone_id,
    service.plan_id,
    service.plan_type,
    service.line_of_business,
    service.service_status,
    greatest(service.as_of_date - service.activated_date, 0) as tenure_days,
    service.contract_end - service.as_of_date as days_to_contract_end,
    customer.auto_pay,
    usage.observed_days_30d,
    case when usage.observed_days_30d > 0 then {{ gigabytes('usage.data_bytes_30d') }} end as usage_gb_30d,
    case when usage.observed_days_31_90d > 0 then {{ gigabytes('usage.data_bytes_31_90d') }} end as usage_gb_31_90d,
    {{ usage_trend_ratio('usage') }} as usage_trend_ratio,
    case when usage.observed_days_30d > 0 then {{ gigabytes('usage.roaming_bytes_30d') }} end as roaming_gb_30d,
    case when usage.observed_days_30d > 0 then usage.voice_seconds_30d / 60.0 end as voice_minutes_30d,
    case when usage.observed_days_30d > 0 then usage.sms_30d end as sms_30d,
    case when usage.observed_days_30d > 0 then usage.zero_usage_days_30d end as zero_usage_days_30d,
    usage.zero_usage_days_30d / nullif(usage.observed_days_30d, 0)::numeric as zero_usage_share_30d,
    usage.observed_days_30d + usage.observed_days_31_90d as observed_days_90d,
    (usage.zero_usage_days_30d + usage.zero_usage_days_31_90d)
    / nullif(usage.observed_days_30d + usage.observed_days_31_90d, 0)::numeric as zero_usage_share_90d,
    case
        when service.includes_data then
            {{ gigabytes('(usage.data_bytes_30d + usage.data_bytes_31_90d)') }}
            / nullif(usage.observed_days_30d + usage.observed_days_31_90d, 0) * 30 / nullif(service.data_allowance_gb, 0)
    end as allowance_use_ratio_90d,
    charge.charged_amount_90d as charged_amount_90d_reporting,
    charge.overage_amount_90d as overage_amount_90d_reporting,
    charge.overage_amount_90d / nullif(charge.charged_amount_90d, 0) as overage_share_90d,
    case when began.bills_from_date < service.as_of_date then coalesce(charge.bill_shocks_365d, 0) end as bill_shocks_365d,
    case when began.bills_from_date < service.as_of_date then coalesce(bill.overdue_days, 0) end as overdue_days,
    case when began.bills_from_date < service.as_of_date then coalesce(bill.overdue_days_365d, 0) end as overdue_days_365d,
    case when began.payments_from_at < service.as_of_at then coalesce(payment.failed_payments_180d, 0) end
        as failed_payments_180d,
    case when began.tickets_from_at < service.as_of_at then coalesce(ticket.tickets_90d, 0) end as tickets_90d,
    case when began.tickets_from_at < service.as_of_at then coalesce(ticket.open_tickets, 0) end as open_tickets,
    ticket.satisfaction_sum / nullif(ticket.satisfaction_count, 0) as avg_ticket_satisfaction_365d,
    case when began.assessments_from_date <= service.last_ended_date then care.assessments_90d end as assessments_90d,
    case when began.assessments_from_date <= service.last_ended_date then care.slow_assessments_90d end
        as slow_assessments_90d,
    care.download_speed_percentage_sum / nullif(care.download_speed_tests_90d, 0) as avg_download_speed_percentage_90d,
    care.rating_sum / nullif(care.ratings_365d, 0) as avg_customer_rating_365d,
    case when began.outages_from_at < service.as_of_at then care.outages_90d end as outages_90d,
    case when began.outages_from_at < service.as_of_at then care.outage_seconds_90d / 3600 end as outage_hours_90d,
    case when began.orders_from_at < service.as_of_at then care.porting_requests_90d end as porting_requests_90d
from {{ ref('int_features__services') }} as service
cross join {{ ref('int_features__began') }} as began
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = service.customer_id
    and customer.valid_from < service.as_of_at and service.as_of_at <= customer.valid_to
left join {{ ref('int_features__usage') }} as usage
    on usage.as_of_date = service.as_of_date and usage.service_id = service.service_id
left join {{ ref('int_features__charges') }} as charge
    on charge.as_of_date = service.as_of_date and charge.service_id = service.service_id
left join {{ ref('int_features__care') }} as care
    on care.as_of_date = service.as_of_date and care.service_id = service.service_id
left join {{ ref('int_features__bills') }} as bill
    on bill.as_of_date = service.as_of_date and bill.customer_id = service.customer_id
left join {{ ref('int_features__payments') }} as payment
    on payment.as_of_date = service.as_of_date and payment.customer_id = service.customer_id
left join ticket
    on ticket.as_of_date = service.as_of_date
    and ticket.customer_id = service.customer_id
    and ticket.service_id = service.service_id
