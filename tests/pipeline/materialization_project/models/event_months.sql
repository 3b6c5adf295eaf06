{{ config(settles={'period': 'month_start_date', 'granularity': 'month', 'margin_days': 3}) }}

select month_start_date, sum(amount) as amount, max(weight) as weight
from {{ ref('event_view') }}
cross join (select max(weight) as weight from {{ ref('dim_thing') }}) as thing
group by month_start_date
