{{ config(materialized='view', contract={'enforced': false}) }}

select *
from {{ ref('dim_customer') }}
where is_current
