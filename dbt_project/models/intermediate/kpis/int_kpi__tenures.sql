-- One row per provider, month, line of business and customer class (and over all of them) and month of tenure: the lines
-- that could be lost in the last months of the seed, those that were, and what a line contributed. Tenure beyond the
-- horizon is one step, and holds what lines earned that are not in force at all.
with cell as (
    select
        provider_id, month_start_date, line_of_business, customer_class,
        least(tenure_months, {{ kpi_parameter('lifetime_horizon_months') }})::integer as tenure_months,
        count(*) filter (where tenure_months is not null) as exposed_lines,
        count(*) filter (where is_lost) as lost_lines,
        count(*) filter (where is_opening) + count(*) filter (where is_closing) as opening_and_closing_lines,
        sum(contribution_amount_reporting) as contribution_amount_reporting
    from {{ ref('int_kpi__lines') }}
    group by
        provider_id, month_start_date, line_of_business, customer_class,
        least(tenure_months, {{ kpi_parameter('lifetime_horizon_months') }})
),

month as (
    select distinct provider_id, month_start_date from cell
),

recent as (
    select
        month.provider_id, month.month_start_date, cell.line_of_business, cell.customer_class, cell.tenure_months,
        cell.exposed_lines, cell.lost_lines, cell.opening_and_closing_lines, cell.contribution_amount_reporting
    from month
    inner join cell
        on cell.provider_id = month.provider_id and cell.month_start_date <= month.month_start_date
        and cell.month_start_date
        > month.month_start_date - make_interval(months => {{ kpi_parameter('lifetime_observed_months') }}::integer)
)

select
    {{ kpi_key() }},
    tenure_months,
    sum(exposed_lines) as exposed_lines,
    sum(lost_lines) as lost_lines,
    0.5 * sum(opening_and_closing_lines) as line_months,
    sum(contribution_amount_reporting) as contribution_amount_reporting
from recent
group by provider_id, month_start_date, tenure_months, cube (line_of_business, customer_class)
