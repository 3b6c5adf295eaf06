{{ config(materialized='view') }}

select
    report.as_of_date,
    report.provider_id,
    count(*) filter (where not report.is_planned) as total_outages,
    count(*) filter (where report.is_planned) as planned_outages,
    count(*) filter (
        where not report.is_planned and fact.affected_customers > {{ filing_parameter('major_outage_customers') }}
    ) as major_outages,
    count(*) filter (where report.is_reportable) as reportable_outages,
    count(*) filter (
        where 'missed' in (
            report.notification_verdict, report.initial_report_verdict, report.final_report_verdict,
            report.facility_notice_verdict, report.facility_followup_verdict
        )
    ) as outages_with_missed_clock,
    avg(fact.outage_seconds / 3600) filter (where not report.is_planned) as average_restoration_hours,
    percentile_cont(0.95) within group (order by fact.outage_seconds::double precision / 3600)
        filter (where not report.is_planned) as p95_restoration_hours,
    avg(fact.outage_seconds / 3600) filter (
        where not report.is_planned and (fact.outage_type = 'emergency_failure' or fact.affects_911)
    ) as emergency_response_hours,
    avg((fact.outage_seconds <= {{ filing_parameter('restored_within_hours') }} * 3600)::integer::numeric)
        filter (where not report.is_planned and fact.outage_seconds is not null) as restored_in_time_share,
    sum(fact.affected_customer_minutes) filter (where not report.is_planned) as lost_customer_minutes
from {{ ref('outage_reportability') }} as report
inner join {{ ref('fct_outage') }} as fact on fact.outage_id = report.outage_id
group by report.as_of_date, report.provider_id
