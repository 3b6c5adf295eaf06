{{ config(filing_dates_of='as_of_date') }}

select
    as_of_date,
    provider_id,
    row_number,
    state_fips,
    sum(connections)::bigint as total_connections,
    coalesce(sum(connections) filter (where sold_by = 'direct'), 0)::bigint as direct_connections
from {{ ref('form477_connections') }}
where form = 'mobile_voice' and left_out_reason is null and as_of_date in ({{ filing_dates() }})
group by as_of_date, provider_id, row_number, state_fips
