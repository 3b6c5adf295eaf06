{{ config(tags=['quarter_hourly'], only_as_of=true) }}

select
    {{ operations_columns() }}
from {{ ref('int_operations__scored') }}
where moment = 'as_of'
