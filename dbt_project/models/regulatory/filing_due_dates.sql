{{ config(filing_dates_of='as_of_date', post_hook="{{ create_regulatory_report() }}") }}

-- A day that is no business day moves to the next one; a notice of the FCC overrides both.
with asked as ({{ filing_dates() }}),

report as (
    select distinct report_type from {{ ref('filing_calendar') }}
),

-- A date between the calendar's is due as if it were the next one of the calendar.
nominal as (
    select
        asked.as_of_date,
        report.report_type,
        (
            select make_date(
                extract(year from asked.as_of_date)::integer + rule.due_years_later, rule.due_month, rule.due_day
            )
            from {{ ref('filing_calendar') }} as rule
            where rule.report_type = report.report_type
                and (rule.data_month, rule.data_day)
                >= (extract(month from asked.as_of_date), extract(day from asked.as_of_date))
            order by rule.data_month, rule.data_day
            limit 1
        ) as due_date,
        true as is_moved_to_business_day
    from asked
    cross join report
    union all
    select
        as_of_date,
        'emergency_readiness',
        as_of_date + {{ filing_parameter('deadline_days_emergency') }}::integer,
        false
    from asked
)

select
    nominal.as_of_date,
    nominal.report_type,
    coalesce(
        override.due_date,
        case
            when nominal.is_moved_to_business_day then (
                select min(calendar.date_day)
                from {{ ref('dim_date') }} as calendar
                where calendar.date_day >= nominal.due_date and calendar.is_business_day
            )
            else nominal.due_date
        end
    ) as due_date,
    override.notice,
    to_char(nominal.as_of_date, 'MM-DD') in ('06-30', '12-31') as is_regular
from nominal
left join {{ ref('filing_due_overrides') }} as override
    on override.report_type = nominal.report_type and override.period_end = nominal.as_of_date
