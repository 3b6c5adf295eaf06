-- One row per provider, month, line of business and customer class in which a campaign contacted somebody, with rows over
-- all of them: the cost of accepted offers.
select
    {{ kpi_key() }},
    sum(accepted_cost * reporting_rate) as campaign_cost_amount_reporting
from {{ ref('int_kpi__campaign_costs') }}
{{ kpi_groups() }}
