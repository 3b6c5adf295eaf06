{{ config(effect={'from': 'changed.date_day'}) }}

-- Federal holidays by 5 U.S.C. 6103(a); one that falls on a Saturday is observed on the Friday before, on a Sunday on
-- the Monday after (6103(b), Executive Order 11582). Inauguration Day counts around Washington only and is left out.
with calendar as (
    select
        day::date as date_day,
        extract(isodow from day)::integer as day_of_week,
        extract(month from day)::integer as month_of_year,
        extract(day from day)::integer as day_of_month,
        extract(year from day)::integer as calendar_year,
        -- The how manieth such weekday of its month, and whether it is the last one.
        (extract(day from day)::integer + 6) / 7 as weekday_of_month,
        extract(month from day + interval '7 days') <> extract(month from day) as is_last_such_weekday
    from generate_series('1990-01-01'::timestamp, '2100-12-31'::timestamp, interval '1 day') as days (day)
),

named as (
    select
        *,
        case
            when month_of_year = 1 and day_of_month = 1 then 'New Year''s Day'
            when month_of_year = 1 and day_of_week = 1 and weekday_of_month = 3 then 'Birthday of Martin Luther King, Jr.'
            when month_of_year = 2 and day_of_week = 1 and weekday_of_month = 3 then 'Washington''s Birthday'
            when month_of_year = 5 and day_of_week = 1 and is_last_such_weekday then 'Memorial Day'
            when month_of_year = 6 and day_of_month = 19 and calendar_year >= 2021
                then 'Juneteenth National Independence Day'
            when month_of_year = 7 and day_of_month = 4 then 'Independence Day'
            when month_of_year = 9 and day_of_week = 1 and weekday_of_month = 1 then 'Labor Day'
            when month_of_year = 10 and day_of_week = 1 and weekday_of_month = 2 then 'Columbus Day'
            when month_of_year = 11 and day_of_month = 11 then 'Veterans Day'
            when month_of_year = 11 and day_of_week = 4 and weekday_of_month = 4 then 'Thanksgiving Day'
            when month_of_year = 12 and day_of_month = 25 then 'Christmas Day'
        end as federal_holiday_name
    from calendar
),

observed as (
    select
        *,
        case
            when day_of_week >= 6 then false
            -- The day after the calendar's last one is a New Year's Day.
            when day_of_week = 5 and lead(date_day) over days is null then true
            when federal_holiday_name is not null then true
            when day_of_week = 5 then lead(federal_holiday_name) over days is not null
            when day_of_week = 1 then lag(federal_holiday_name) over days is not null
            else false
        end as is_federal_holiday_observed
    from named
    window days as (order by date_day)
)

select
    date_day,
    day_of_week,
    to_char(date_day, 'FMDay') as day_name,
    day_of_month,
    extract(doy from date_day)::integer as day_of_year,
    day_of_week >= 6 as is_weekend,
    extract(week from date_day)::integer as iso_week,
    extract(isoyear from date_day)::integer as iso_year,
    to_char(date_day, 'IYYY-"W"IW') as iso_week_name,
    date_trunc('week', date_day)::date as week_start_date,
    date_trunc('month', date_day)::date as month_start_date,
    (date_trunc('month', date_day) + interval '1 month - 1 day')::date as month_end_date,
    month_of_year,
    to_char(date_day, 'FMMonth') as month_name,
    to_char(date_day, 'YYYY-MM') as year_month,
    day_of_month = 1 as is_month_start,
    date_day = (date_trunc('month', date_day) + interval '1 month - 1 day')::date as is_month_end,
    extract(day from date_trunc('month', date_day) + interval '1 month - 1 day')::integer as days_in_month,
    extract(quarter from date_day)::integer as quarter_of_year,
    to_char(date_day, 'YYYY-"Q"Q') as year_quarter,
    date_trunc('quarter', date_day)::date as quarter_start_date,
    (date_trunc('quarter', date_day) + interval '3 months - 1 day')::date as quarter_end_date,
    calendar_year,
    federal_holiday_name,
    federal_holiday_name is not null as is_federal_holiday,
    is_federal_holiday_observed,
    day_of_week <= 5 and not is_federal_holiday_observed as is_business_day
from observed
