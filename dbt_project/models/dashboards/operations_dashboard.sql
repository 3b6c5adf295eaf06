{{ config(tags=['quarter_hourly']) }}

select
    {{ operations_columns() }}
from {{ ref('int_operations__scored') }}
where moment = 'as_of'
