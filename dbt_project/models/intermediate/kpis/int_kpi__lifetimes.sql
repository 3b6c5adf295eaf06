-- One row per provider, month, line of business and customer class, with rows over all of them: how long a line that is won
-- now is expected to stay within the horizon, and what it contributes by then. The hazard of a month of tenure is losses
-- over exposed lines, drawn to the group's mean as if the seed's line-months at that mean had been seen beside them.
with setting as (
    select
        {{ kpi_parameter('lifetime_horizon_months') }}::integer as horizon_months,
        {{ kpi_parameter('lifetime_prior_line_months') }} as prior_line_months,
        power(1 + {{ kpi_parameter('lifetime_annual_discount_percentage') }} / 100, -1.0 / 12) as monthly_discount_factor
),

tenure as (
    select * from {{ ref('int_kpi__tenures') }}
),

pooled as (
    select
        provider_id, month_start_date, line_of_business, customer_class,
        sum(lost_lines) / nullif(sum(exposed_lines), 0) as mean_hazard,
        sum(contribution_amount_reporting) / nullif(sum(line_months), 0) as contribution_per_line_month
    from tenure
    group by provider_id, month_start_date, line_of_business, customer_class
),

hazard as (
    select
        pooled.*,
        step.tenure_months,
        (coalesce(tenure.lost_lines, 0) + setting.prior_line_months * pooled.mean_hazard)
        / nullif(coalesce(tenure.exposed_lines, 0) + setting.prior_line_months, 0) as hazard,
        setting.monthly_discount_factor
    from pooled
    cross join setting
    cross join lateral generate_series(0, setting.horizon_months - 1) as step (tenure_months)
    left join tenure using (
        provider_id, month_start_date, line_of_business, customer_class, tenure_months
    )
    where pooled.mean_hazard < 1
),

-- Still there as a month of tenure begins: a product over the months before, as a sum of logarithms.
survival as (
    select
        *,
        exp(coalesce(
            sum(ln(1 - hazard)) over (
                partition by provider_id, month_start_date, line_of_business, customer_class
                order by tenure_months rows between unbounded preceding and 1 preceding
            ), 0
        )) as survival
    from hazard
)

select
    provider_id,
    month_start_date,
    line_of_business,
    customer_class,
    max(contribution_per_line_month) as contribution_per_line_month,
    round(sum(survival), 9) as expected_lifetime_months,
    round(max(contribution_per_line_month) * sum(survival * power(monthly_discount_factor, tenure_months)), 9)
        as lifetime_value
from survival
group by provider_id, month_start_date, line_of_business, customer_class
