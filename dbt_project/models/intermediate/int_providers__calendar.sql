-- One row per provider with the days and instants that "now" means for it.
select
    provider_id,
    provider_name,
    time_zone,
    {{ as_of() }} as as_of_at,
    {{ as_of_day('time_zone') }} as as_of_date,
    {{ last_ended_day('time_zone') }} as last_ended_date,
    {{ last_ended_day('time_zone') }} - 29 as thirty_days_from_date
from {{ ref('dim_provider') }}
