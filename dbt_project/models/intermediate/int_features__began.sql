-- One row: when each feed began. Before that nothing is known, so nothing is counted as 0.
select
    (select min(created_at) from {{ ref('fct_support_ticket') }}) as tickets_from_at,
    (select min(requested_at) from {{ ref('fct_service_order') }}) as orders_from_at,
    (select min(assessment_date) from {{ ref('fct_service_quality') }}) as assessments_from_date,
    (select min(issued_on) from {{ ref('fct_bill') }}) as bills_from_date,
    (select min(payment_date) from {{ ref('fct_payment') }}) as payments_from_at,
    (select min(outage_start) from {{ ref('fct_outage') }}) as outages_from_at,
    (select min(coalesce(started_at, scheduled_at)) from {{ ref('fct_maintenance') }}) as maintenance_from_at
