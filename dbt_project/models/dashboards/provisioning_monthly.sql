{{ config(indexes=[{'columns': ['provider_id', 'month_start_date']}]) }}

-- Months reach as far as the provider's orders do; later ones are not known, and not 0.
with provider as (
    select * from {{ ref('int_provisioning__providers') }}
),

month as (
    select provider.*, series.month_start::date as month_start_date
    from provider
    cross join lateral generate_series(
        date_trunc('month', provider.first_order_at at time zone provider.time_zone),
        date_trunc('month', provider.data_through_at at time zone provider.time_zone),
        interval '1 month'
    ) as series (month_start)
),

placed as (
    select
        provider_id, requested_month as month_start_date,
        count(*) as orders_placed,
        count(*) filter (where order_status = 'rejected') as orders_rejected,
        count(*) filter (where order_status = 'cancelled') as orders_cancelled
    from {{ ref('int_provisioning__orders') }}
    group by provider_id, requested_month
),

completed as (
    select
        provider_id, completed_month as month_start_date,
        count(*) filter (where order_type = 'activation') as activations,
        count(*) filter (where order_type = 'plan_change') as plan_changes,
        count(*) filter (where order_type = 'termination') as terminations,
        count(*) filter (where order_type = 'port_in') as port_ins,
        count(*) filter (where order_type = 'port_out') as port_outs,
        avg(completion_hours) filter (where order_type in ('activation', 'port_in')) as avg_order_to_service_hours,
        percentile_disc(0.5) within group (order by completion_hours)
            filter (where order_type in ('activation', 'port_in')) as median_order_to_service_hours
    from {{ ref('int_provisioning__orders') }}
    where completed_month is not null
    group by provider_id, completed_month
),

ported as (
    select
        provider_id, month_start_date,
        jsonb_object_agg(carrier, orders) filter (where order_type = 'port_in') as port_ins_by_carrier,
        jsonb_object_agg(carrier, orders) filter (where order_type = 'port_out') as port_outs_by_carrier
    from (
        select
            provider_id, completed_month as month_start_date, order_type, carrier,
            count(*) as orders
        from {{ ref('int_provisioning__orders') }}
        where completed_month is not null and order_type in ('port_in', 'port_out')
        group by provider_id, completed_month, order_type, carrier
    ) as by_carrier
    group by provider_id, month_start_date
),

rejected as (
    select provider_id, month_start_date, jsonb_object_agg(reason, orders) as rejections_by_reason
    from (
        select
            provider_id, requested_month as month_start_date, reason,
            count(*) as orders
        from {{ ref('int_provisioning__orders') }}
        where order_status = 'rejected'
        group by provider_id, requested_month, reason
    ) as by_reason
    group by provider_id, month_start_date
)

select
    month.provider_id,
    month.month_start_date,
    month.as_of_at,
    month.data_through_at,
    month.is_stale,
    coalesce(placed.orders_placed, 0) as orders_placed,
    coalesce(placed.orders_rejected, 0) as orders_rejected,
    coalesce(placed.orders_cancelled, 0) as orders_cancelled,
    coalesce(completed.activations, 0) as activations,
    coalesce(completed.plan_changes, 0) as plan_changes,
    coalesce(completed.terminations, 0) as terminations,
    coalesce(completed.port_ins, 0) as port_ins,
    coalesce(completed.port_outs, 0) as port_outs,
    completed.avg_order_to_service_hours,
    completed.median_order_to_service_hours,
    coalesce(ported.port_ins_by_carrier, '{}') as port_ins_by_carrier,
    coalesce(ported.port_outs_by_carrier, '{}') as port_outs_by_carrier,
    coalesce(rejected.rejections_by_reason, '{}') as rejections_by_reason
from month
left join placed using (provider_id, month_start_date)
left join completed using (provider_id, month_start_date)
left join ported using (provider_id, month_start_date)
left join rejected using (provider_id, month_start_date)
