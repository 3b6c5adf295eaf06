{{ config(materialized='view', contract={'enforced': false}) }}

select *
from {{ ref('dim_service_plan') }}
where is_current
