{{ config(
    materialized='partition_replaced',
    partition_by={'fields': 'event_date', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window={'feed': 'events', 'local_day_start': 'day_start_at'},
    indexes=[{'columns': ['event_date']}, {'columns': ['thing_id', 'event_date']}]
) }}

select thing_id, event_date, day_start_at, amount
from world.events
where {{ local_day_is_touched('events', 'day_start_at') }}
