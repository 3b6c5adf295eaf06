select
    day::date as date_day,
    extract(isodow from day)::integer as day_of_week,
    extract(isodow from day) >= 6 as is_weekend,
    extract(week from day)::integer as iso_week,
    date_trunc('month', day)::date as month_start_date,
    (date_trunc('month', day) + interval '1 month - 1 day')::date as month_end_date,
    extract(month from day)::integer as month_of_year,
    extract(quarter from day)::integer as quarter_of_year,
    extract(year from day)::integer as calendar_year
from generate_series('1990-01-01'::timestamp, '2100-12-31'::timestamp, interval '1 day') as calendar (day)
