{{ config(materialized='view', contract={'enforced': false}) }}

select *
from {{ ref('dim_network_element') }}
where is_current
