{{ config(materialized='view') }}

-- What each set of rules in force would count, so that two sets can be told apart.
select
    as_of_date,
    provider_id,
    form,
    coalesce(rule_set, 'none') as rule_set,
    is_governing,
    coalesce(sum(connections_of_form) filter (where left_out_reason is null), 0)::bigint as connections_counted,
    coalesce(sum(connections_of_form) filter (where left_out_reason = 'suspended'), 0)::bigint as connections_suspended
from {{ ref('form477_judged') }}
group by as_of_date, provider_id, form, rule_set, is_governing
