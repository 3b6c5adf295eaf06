-- One row per provider, month, line of business and customer class, with rows over all of them: lines and their money.
select
    {{ kpi_key() }},
    count(*) filter (where is_opening) as opening_lines,
    count(*) filter (where is_gained) as added_lines,
    count(*) filter (where is_lost) as ended_lines,
    count(*) filter (where churn_kind = 'voluntary') as voluntarily_ended_lines,
    count(*) filter (where churn_kind = 'involuntary') as involuntarily_ended_lines,
    count(*) filter (where is_reconnected) as reconnected_lines,
    count(*) filter (where is_closing) as closing_lines,
    0.5 * (count(*) filter (where is_opening) + count(*) filter (where is_closing)) as average_lines,
    sum(earned_amount_reporting) as earned_amount_reporting,
    sum(earned_service_amount_reporting) as earned_service_amount_reporting,
    coalesce(sum(estimated_amount_reporting), 0) as estimated_amount_reporting,
    -- Only where the seed knows every line of business that was added to.
    case
        when count(*) filter (where is_gained and cost.cost_per_added_line is null) = 0
            then sum(cost.cost_per_added_line) filter (where is_gained)
    end as acquisition_amount_reporting
from {{ ref('int_kpi__lines') }}
left join {{ ref('acquisition_costs') }} as cost using (line_of_business)
{{ kpi_groups() }}
