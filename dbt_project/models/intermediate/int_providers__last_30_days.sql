-- One row per provider, moment and local day of its last 30: an equality to join by, where a range would meet every row.
select
    moment.provider_id,
    moment.moment,
    moment.as_of_at,
    day::date as local_date
from {{ ref('int_providers__moments') }} as moment
cross join lateral generate_series(
    moment.thirty_days_from_date::timestamp, moment.last_ended_date::timestamp, interval '1 day'
) as day
