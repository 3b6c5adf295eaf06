{{ config(filing_dates_of='as_of_date') }}

-- The sets that are on and cover the date; the one that began last governs, the others are shown beside it.
with asked as ({{ filing_dates() }}),

form as (
    select distinct form from {{ ref('filing_forms') }}
)

select
    asked.as_of_date,
    form.form,
    rule_set.rule_set,
    rank() over (
        partition by asked.as_of_date, form.form order by rule_set.as_of_from desc, rule_set.rule_set
    ) = 1 as is_governing,
    max(rule.value) filter (where rule.rule = 'over_mbps_in_either_direction') as over_mbps_in_either_direction,
    max(rule.value) filter (where rule.rule = 'at_least_download_mbps') as at_least_download_mbps,
    max(rule.value) filter (where rule.rule = 'at_least_upload_mbps') as at_least_upload_mbps,
    coalesce(max(rule.value) filter (where rule.rule = 'suspended_counted'), 0) = 1 as is_suspended_counted,
    min(rule.read_on) as rules_read_on,
    count(*) filter (where rule.rule is not null and rule.read_on is null) as rules_unread_count
from asked
cross join form
inner join {{ ref('filing_rule_sets') }} as rule_set
    on rule_set.is_on
    and rule_set.as_of_from <= asked.as_of_date
    and coalesce(rule_set.as_of_to, 'infinity') >= asked.as_of_date
inner join {{ ref('filing_rules') }} as rule on rule.rule_set = rule_set.rule_set and rule.form = form.form
group by asked.as_of_date, form.form, rule_set.rule_set, rule_set.as_of_from
