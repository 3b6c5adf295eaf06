{{ config(materialized='view', contract={'enforced': false}) }}

select date_trunc('month', event_date)::date as month_start_date, amount
from {{ ref('fct_event_daily') }}
where {{ not_settled("date_trunc('month', event_date)::date") }}
