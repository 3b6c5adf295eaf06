{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'period_start', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window='whole',
    indexes=[{'columns': ['period_start']}]
) }}

select * from world.statements
