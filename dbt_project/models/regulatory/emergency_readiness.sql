{{ config(filing_dates_of='as_of_date') }}

-- Each measure from its own fact, aggregated before it meets the others.
with asked as ({{ filing_dates() }}),

filer as (
    select
        asked.as_of_date,
        {{ filing_period_start('asked.as_of_date') }} as period_start_date,
        provider.provider_id,
        provider.is_covered_911_provider,
        {{ filing_instant('asked.as_of_date', 'provider.time_zone') }} as closing_at
    from asked
    cross join {{ ref('dim_provider') }} as provider
    where provider.provider_id <> {{ unknown_id() }}
),

power as (
    select
        filer.as_of_date,
        filer.provider_id,
        sum(element.power_rating_kw) filter (where element.backup_power_hours > 0) as backup_power_kw,
        count(*) filter (where element.serves_911) as elements_911_count,
        count(*) filter (
            where element.serves_911 and element.backup_power_hours >= {{ filing_parameter('backup_power_hours') }}
        ) as elements_911_backed_up_count,
        count(*) as elements_count,
        count(*) filter (where redundancy.survives_any_link) as elements_redundant_count
    from filer
    inner join {{ ref('dim_network_element') }} as element
        on element.provider_id = filer.provider_id and {{ holds_at('element', 'filer.closing_at') }}
        and element.operational_status not in ('planned', 'retired')
        and coalesce(element.installed_on <= filer.as_of_date, true)
    left join {{ source('analytics', 'link_redundancy') }} as redundancy
        on redundancy.as_of_date = filer.as_of_date and redundancy.element_id = element.element_id
    group by filer.as_of_date, filer.provider_id
),

availability as (
    select
        filer.as_of_date,
        filer.provider_id,
        sum(fact.seconds_down) as down_seconds,
        sum(fact.seconds_in_service) as in_service_seconds,
        sum(fact.seconds_measured) as measured_seconds
    from filer
    inner join {{ ref('fct_element_availability_daily') }} as fact
        on fact.provider_id = filer.provider_id
        and fact.availability_date between filer.period_start_date and filer.as_of_date
    inner join {{ ref('dim_network_element') }} as element on element.element_key = fact.element_key and element.serves_911
    group by filer.as_of_date, filer.provider_id
),

people as (
    select
        filer.as_of_date,
        filer.provider_id,
        count(distinct service.customer_id) as customers_count,
        count(distinct service.customer_id) filter (where customer.customer_type = 'government') as government_customers_count
    from filer
    inner join {{ ref('dim_service') }} as service
        on service.provider_id = filer.provider_id and {{ holds_at('service', 'filer.closing_at') }}
        and service.activated_at <= filer.closing_at
        and coalesce(service.deactivated_at, 'infinity') > filer.closing_at
    left join {{ ref('dim_customer') }} as customer
        on customer.customer_id = service.customer_id and {{ holds_at('customer', 'filer.closing_at') }}
    group by filer.as_of_date, filer.provider_id
)

select
    filer.as_of_date,
    filer.provider_id,
    filer.period_start_date,
    filer.is_covered_911_provider,
    make_date(
        extract(year from filer.as_of_date + interval '78 days')::integer, 10, 15
    ) as certification_due_date,
    coalesce(outage.total_outages, 0) as total_outages,
    coalesce(outage.planned_outages, 0) as planned_outages,
    coalesce(outage.major_outages, 0) as major_outages,
    coalesce(outage.reportable_outages, 0) as reportable_outages,
    coalesce(outage.outages_with_missed_clock, 0) as outages_with_missed_clock,
    round(outage.average_restoration_hours, 6) as average_restoration_hours,
    round(outage.p95_restoration_hours::numeric, 6) as p95_restoration_hours,
    round(outage.emergency_response_hours, 6) as emergency_response_hours,
    round(100 * outage.restored_in_time_share, 6) as restored_in_time_percentage,
    round(outage.lost_customer_minutes, 3) as lost_customer_minutes,
    power.backup_power_kw,
    power.elements_911_count,
    round(100.0 * power.elements_911_backed_up_count / nullif(power.elements_911_count, 0), 6)
        as elements_911_backed_up_percentage,
    power.elements_count,
    power.elements_redundant_count,
    round(100 * (1 - availability.down_seconds / nullif(availability.in_service_seconds, 0)), 6)
        as availability_911_percentage,
    round(100 * availability.measured_seconds / nullif(availability.in_service_seconds, 0), 6)
        as measured_911_percentage,
    coalesce(people.customers_count, 0) as customers_count,
    coalesce(people.government_customers_count, 0) as government_customers_count,
    round(100.0 * people.government_customers_count / nullif(people.customers_count, 0), 6) as government_customers_percentage
from filer
left join {{ ref('outage_totals') }} as outage
    on outage.as_of_date = filer.as_of_date and outage.provider_id = filer.provider_id
left join power on power.as_of_date = filer.as_of_date and power.provider_id = filer.provider_id
left join availability on availability.as_of_date = filer.as_of_date and availability.provider_id = filer.provider_id
left join people on people.as_of_date = filer.as_of_date and people.provider_id = filer.provider_id
