-- One row per provider of which outages were ever reported: those that were going on at AS_OF.
select
    provider_id,
    count(*) filter (where is_active) as active_outages,
    case
        when count(*) filter (where is_active) = 0 then 0
        else sum(affected_customers) filter (where is_active)
    end as total_customers_impacted,
    max(extract(epoch from {{ as_of() }} - outage_start) / 3600) filter (where is_active) as longest_outage_hours
from (
    select
        *,
        actual_restoration > {{ as_of() }} or (actual_restoration is null and outage_status not in ('restored', 'closed'))
            as is_active
    from {{ ref('fct_outage') }}
    where outage_start <= {{ as_of() }}
) as outage
group by provider_id
