{{ config(
    settles={'period': 'summary_date', 'margin_days': 2, 'apart_from': ['int_freshness__data_through']},
    indexes=[{'columns': ['summary_date']}]
) }}

-- Before a provider's first data there is nothing to say of it.
select
    as_of_date as summary_date,
    {{ operations_columns() }}
from {{ ref('int_operations__scored') }}
where moment = 'day_end' and data_through_at is not null
