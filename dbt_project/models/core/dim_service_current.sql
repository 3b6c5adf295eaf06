{{ config(materialized='view', contract={'enforced': false}) }}

select *
from {{ ref('dim_service') }}
where is_current
