{{ config(
    settles={'period': 'as_of_date', 'margin_days': 1},
    indexes=[{'columns': ['customer_id', 'as_of_date']}, {'columns': ['as_of_date']}]
) }}

-- The primary provider is that of most services in force, of equals that of the oldest; the line of business likewise.
with primary_provider as (
    select distinct on (as_of_date, customer_id) as_of_date, customer_id, provider_id
    from (
        select as_of_date, customer_id, provider_id, count(*) as services, min(activated_at) as oldest_activated_at
        from {{ ref('int_features__services') }}
        where {{ not_settled('as_of_date') }}
        group by as_of_date, customer_id, provider_id
    ) as membership
    order by as_of_date, customer_id, services desc, oldest_activated_at, provider_id
),

main_line as (
    select distinct on (as_of_date, customer_id) as_of_date, customer_id, line_of_business
    from (
        select as_of_date, customer_id, line_of_business, count(*) as services, min(activated_at) as oldest_activated_at
        from {{ ref('int_features__services') }}
        where {{ not_settled('as_of_date') }}
        group by as_of_date, customer_id, line_of_business
    ) as membership
    order by as_of_date, customer_id, services desc, oldest_activated_at, line_of_business
),

ticket as (
    select
        as_of_date, customer_id,
        sum(tickets_90d)::bigint as tickets_90d,
        sum(tickets_6m)::bigint as tickets_6m,
        sum(open_tickets)::bigint as open_tickets,
        sum(satisfaction_sum) / nullif(sum(satisfaction_count), 0) as avg_ticket_satisfaction_365d
    from {{ ref('int_features__tickets') }}
    group by as_of_date, customer_id
)

select
    summary.as_of_date,
    summary.as_of_at,
    summary.is_latest,
    summary.customer_id,
    coalesce(customer.customer_key, {{ unknown_key() }}) as customer_key,
    primary_provider.provider_id,
    coalesce(zone.zone_id, {{ unknown_id() }}) as zone_id,
    customer.customer_type,
    customer.account_status,
    main_line.line_of_business,
    summary.services_in_force,
    summary.as_of_date - customer.acquisition_date as tenure_days,
    summary.days_to_contract_end,
    customer.auto_pay,
    case when summary.observed_days_30d > 0 then {{ gigabytes('summary.data_bytes_30d') }} end as usage_gb_30d,
    case when summary.observed_days_31_90d > 0 then {{ gigabytes('summary.data_bytes_31_90d') }} end as usage_gb_31_90d,
    {{ usage_trend_ratio('summary') }} as usage_trend_ratio,
    case when summary.observed_days_30d > 0 then {{ gigabytes('summary.roaming_bytes_30d') }} end as roaming_gb_30d,
    case when summary.observed_days_30d > 0 then summary.voice_seconds_30d / 60.0 end as voice_minutes_30d,
    case when summary.observed_days_30d > 0 then summary.sms_30d end as sms_30d,
    summary.observed_days_30d,
    case when summary.observed_days_30d > 0 then summary.zero_usage_days_30d end as zero_usage_days_30d,
    summary.zero_usage_days_30d / nullif(summary.observed_days_30d, 0)::numeric as zero_usage_share_30d,
    summary.observed_days_30d + summary.observed_days_31_90d as observed_days_90d,
    (summary.zero_usage_days_30d + summary.zero_usage_days_31_90d)
    / nullif(summary.observed_days_30d + summary.observed_days_31_90d, 0)::numeric as zero_usage_share_90d,
    summary.max_allowance_use_ratio_90d,
    summary.charged_amount_90d_reporting,
    summary.overage_amount_90d_reporting,
    summary.overage_amount_90d_reporting / nullif(summary.charged_amount_90d_reporting, 0) as overage_share_90d,
    case when began.bills_from_date < summary.as_of_date then coalesce(bill.bills_90d, 0) end as bills_90d,
    bill.billed_amount_90d_reporting,
    case when began.bills_from_date < summary.as_of_date then coalesce(bill.bill_shocks_365d, 0) end as bill_shocks_365d,
    case when began.bills_from_date < summary.as_of_date then coalesce(bill.open_bills, 0) end as open_bills,
    case when began.bills_from_date < summary.as_of_date then coalesce(bill.overdue_bills_12m, 0) end as overdue_bills_12m,
    summary.overdue_days,
    summary.overdue_days_365d,
    case when began.bills_from_date < summary.as_of_date then coalesce(bill.late_bills_365d, 0) end as late_bills_365d,
    summary.failed_payments_180d,
    case when began.tickets_from_at < summary.as_of_at then coalesce(ticket.tickets_90d, 0) end as tickets_90d,
    case when began.tickets_from_at < summary.as_of_at then coalesce(ticket.tickets_6m, 0) end as tickets_6m,
    case when began.tickets_from_at < summary.as_of_at then coalesce(ticket.open_tickets, 0) end as open_tickets,
    ticket.avg_ticket_satisfaction_365d,
    summary.slow_assessments_90d,
    summary.avg_download_speed_percentage_90d,
    summary.avg_customer_rating_365d,
    summary.outages_90d,
    summary.max_outage_hours_90d,
    summary.porting_requests_90d
from {{ ref('int_features__customers') }} as summary
cross join {{ ref('int_features__began') }} as began
inner join primary_provider using (as_of_date, customer_id)
inner join main_line using (as_of_date, customer_id)
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = summary.customer_id
    and customer.valid_from < summary.as_of_at and summary.as_of_at <= customer.valid_to
left join {{ ref('dim_service_zone') }} as zone
    on zone.zone_id = customer.service_zone_id and zone.provider_id = primary_provider.provider_id
left join {{ ref('int_features__bills') }} as bill
    on bill.as_of_date = summary.as_of_date and bill.customer_id = summary.customer_id
left join ticket on ticket.as_of_date = summary.as_of_date and ticket.customer_id = summary.customer_id
