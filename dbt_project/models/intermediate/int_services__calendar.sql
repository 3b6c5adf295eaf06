-- One row per service: the time zone of its local days, the same in all its versions; it holds where no version does.
-- Grouped by the id alone, so that PostgreSQL leaves the join out where nobody asks for the time zone.
select service_id, max(time_zone) as time_zone
from {{ ref('dim_service') }}
group by service_id
