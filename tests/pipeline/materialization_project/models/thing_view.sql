{{ config(materialized='view', contract={'enforced': false}) }}

select thing_id, label from {{ ref('dim_thing') }}
