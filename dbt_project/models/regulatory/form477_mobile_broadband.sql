{{ config(filing_dates_of='as_of_date') }}

select
    as_of_date,
    provider_id,
    row_number,
    state_fips,
    speed_mbps_down,
    speed_mbps_up,
    sum(connections)::bigint as total_connections,
    coalesce(sum(connections) filter (where is_consumer), 0)::bigint as consumer_connections
from {{ ref('form477_connections') }}
where form = 'mobile_broadband' and left_out_reason is null and as_of_date in ({{ filing_dates() }})
group by as_of_date, provider_id, row_number, state_fips, speed_mbps_down, speed_mbps_up
