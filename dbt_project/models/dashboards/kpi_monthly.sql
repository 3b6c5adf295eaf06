{{ config(tags=['monthly'], indexes=[{'columns': ['provider_id', 'month_start_date']}]) }}

-- Every figure comes from the model of its own grain and is joined once; what a feed that ends early cannot say is null.
{%- set by_line = {'line': 'subscriptions', 'account': 'accounts', 'campaign': 'campaigns', 'care': 'care'} %}
{%- set whole = {'billing': 'billing', 'outage': 'outages', 'network': 'network'} %}
with
{%- for name, model in by_line.items() %}
{{ name }} as (select * from {{ ref('int_kpi__' ~ model) }}),
{%- endfor %}
{%- for name, model in whole.items() %}
{{ name }} as (select *, 'all' as line_of_business, 'all' as customer_class from {{ ref('int_kpi__' ~ model) }}),
{%- endfor %}

-- Of the provider's own zones, those of which it is known what is covered.
coverage as (
    select
        provider_id, coverage_date,
        round(100 * sum(covered_area_km2) / nullif(sum(zone_area_km2) filter (where covered_area_km2 is not null), 0), 6)
            as covered_area_percentage,
        round(100.0 * sum(households_covered_count)
            / nullif(sum(households_count) filter (where households_covered_count is not null), 0), 6)
            as households_covered_percentage
    from {{ source('analytics', 'zone_coverage') }} where is_zone_provider
    group by provider_id, coverage_date
),

kpi as (
    {%- for name in by_line.keys() | list + whole.keys() | list %}
    select provider_id, month_start_date, line_of_business, customer_class from {{ name }} {{ 'union' if not loop.last }}
    {%- endfor %}
),

-- Closed months only; the running one has no final figures.
month as (
    select
        kpi.*,
        calendar.as_of_at,
        (kpi.month_start_date + interval '1 month - 1 day')::date as end_date,
        {{ day_start("kpi.month_start_date + interval '1 month'", 'calendar.time_zone') }} as closes_at,
        calendar.last_ended_date
    from kpi
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    where (kpi.month_start_date + interval '1 month - 1 day')::date <= calendar.last_ended_date
)

select
    month.provider_id,
    month.month_start_date,
    month.line_of_business,
    month.customer_class,
    'all' in (month.line_of_business, month.customer_class) as is_rollup,
    month.last_ended_date - month.end_date >= {{ kpi_parameter('reconnection_days') }} as is_final,
    month.as_of_at,
    reach.data_through_at,
    coalesce(reach.reach_at < month.closes_at, false) as is_stale,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    line.opening_lines,
    line.added_lines,
    line.ended_lines,
    line.voluntarily_ended_lines,
    line.involuntarily_ended_lines,
    line.reconnected_lines,
    line.closing_lines,
    account.average_accounts,
    coalesce(line.earned_amount_reporting + account.account_amount_reporting, line.earned_amount_reporting,
        account.account_amount_reporting) as earned_amount_reporting,
    line.earned_service_amount_reporting,
    100 * line.estimated_amount_reporting / nullif(line.earned_service_amount_reporting, 0) as estimated_percentage,
    line.earned_service_amount_reporting / nullif(line.average_lines, 0) as arpu_reporting,
    account.service_amount_reporting / nullif(account.average_accounts, 0) as arpa_reporting,
    {%- for name, ended in [
        ('gross_churn', 'line.ended_lines'), ('net_churn', '(line.ended_lines - line.added_lines)'),
        ('voluntary_churn', 'line.voluntarily_ended_lines'), ('involuntary_churn', 'line.involuntarily_ended_lines')
    ] %}
    100 * {{ ended }} / nullif(line.average_lines, 0) as {{ name }}_percentage,
    100.0 * {{ ended }} / nullif(line.opening_lines, 0) as {{ name }}_of_opening_percentage,
    {%- endfor %}
    campaign.campaign_cost_amount_reporting / nullif(line.added_lines, 0) as campaign_cost_per_added_line_reporting,
    coalesce(
        campaign.campaign_cost_amount_reporting + line.acquisition_amount_reporting,
        campaign.campaign_cost_amount_reporting, line.acquisition_amount_reporting
    ) / nullif(line.added_lines, 0) as customer_acquisition_cost_reporting,
    lifetime.contribution_per_line_month as contribution_per_line_month_reporting,
    lifetime.expected_lifetime_months,
    lifetime.lifetime_value as lifetime_value_reporting,
    outage.mttr_hours,
    network.seconds_available / 3600 / nullif(outage.element_failures, 0) as mtbf_hours,
    network.availability_percentage,
    outage.customer_minutes_lost,
    network.busy_hour_utilization_percentage,
    network.avg_packet_loss_percentage,
    network.latency_p50_ms,
    network.latency_p95_ms,
    network.latency_p99_ms,
    network.avg_signal_strength_dbm,
    quality.speed_against_plan_percentage,
    coverage.covered_area_percentage,
    coverage.households_covered_percentage,
    care.first_contact_resolution_percentage,
    care.avg_ticket_rating,
    quality.avg_assessment_rating,
    billing.receivables_amount_reporting,
    billing.days_sales_outstanding,
    billing.overdue_percentage,
    billing.payment_rate_percentage
from month
left join {{ ref('int_kpi__reach') }} as reach on reach.provider_id = month.provider_id
{%- for name, table, feed in [
    ('line', 'line', none), ('account', 'account', none), ('campaign', 'campaign', none), ('outage', 'outage', none),
    ('lifetime', ref('int_kpi__lifetimes'), none), ('care', 'care', 'tickets'), ('quality', 'care', 'quality'),
    ('network', 'network', 'performance'), ('billing', 'billing', 'bills')
] %}
left join {{ table }} as {{ name }}
    on ({{ name }}.provider_id, {{ name }}.month_start_date, {{ name }}.line_of_business, {{ name }}.customer_class)
    = (month.provider_id, month.month_start_date, month.line_of_business, month.customer_class)
    {%- if feed %} and reach.{{ feed }}_reach_at >= month.closes_at {%- endif %}
{%- endfor %}
left join coverage
    on coverage.provider_id = month.provider_id and coverage.coverage_date = month.end_date
    and month.line_of_business = 'all' and month.customer_class = 'all'
