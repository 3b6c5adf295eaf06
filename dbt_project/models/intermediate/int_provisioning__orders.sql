-- One row per order by AS_OF: it is placed in the month of its request and carried out in that of its completion.
select
    placed.order_id,
    placed.provider_id,
    placed.order_type,
    placed.order_status,
    coalesce(placed.other_carrier, 'unknown') as carrier,
    coalesce(placed.rejection_reason, 'unknown') as reason,
    date_trunc('month', placed.requested_date)::date as requested_month,
    case when placed.completed_at <= {{ as_of() }} then date_trunc('month', placed.completed_date)::date end
        as completed_month,
    placed.completion_hours
from {{ ref('fct_service_order') }} as placed
where placed.requested_at <= {{ as_of() }}
