-- One row per version of a plan: its line of business by the first rule that fits, and its margin's share.
select
    plan.plan_key,
    coalesce(rule.line_of_business, 'unknown') as line_of_business,
    coalesce(margin.margin_share, 1) as margin_share
from {{ ref('dim_service_plan') }} as plan
left join lateral (
    select rule.line_of_business
    from {{ ref('lines_of_business') }} as rule
    where rule.plan_type = plan.plan_type
        and (rule.is_prepaid is null or rule.is_prepaid = plan.is_prepaid)
        and (rule.includes_data is null or rule.includes_data = plan.includes @> '["data"]')
        and (rule.includes_voice is null or rule.includes_voice = plan.includes @> '["voice"]')
    order by rule.rank
    limit 1
) as rule on true
left join {{ ref('margin_shares') }} as margin on margin.plan_type = plan.plan_type
