{{ config(filing_dates_of='as_of_date', indexes=[
    {'columns': ['as_of_date', 'provider_id', 'form', 'row_number']}, {'columns': ['service_id']},
    {'columns': ['customer_id']}
]) }}

-- Rows are numbered in the order of the file: a connection's row is found by it.
with judged as (
    select
        line.*,
        bool_or(line.form = 'fixed_broadband' and line.left_out_reason is null) over (
            partition by line.as_of_date, line.provider_id, line.customer_id
        ) as has_internet
    from {{ ref('form477_judged') }} as line
    where line.is_governing and line.as_of_date in ({{ filing_dates() }})
)

select
    as_of_date,
    form,
    service_id,
    plan_id,
    service_key,
    customer_id,
    provider_id,
    zone_id,
    service_status,
    coalesce(rule_set, 'none') as rule_set,
    left_out_reason,
    case
        when left_out_reason is null then dense_rank() over (
            partition by as_of_date, provider_id, form, left_out_reason is null
            order by
                case when form like 'mobile%' then state_fips else tract_geoid end,
                case when form = 'fixed_broadband' then fixed_technology_code end nulls first,
                case when form = 'fixed_voice' then voice_service_type end,
                case when form in ('fixed_broadband', 'mobile_broadband') then speed_mbps_down end nulls first,
                case when form in ('fixed_broadband', 'mobile_broadband') then speed_mbps_up end nulls first
        )
    end as row_number,
    connections_of_form as connections,
    is_consumer,
    tract_geoid,
    tract_source,
    state_fips,
    state_source,
    fixed_technology_code,
    speed_mbps_down,
    speed_mbps_up,
    voice_service,
    voice_service_type,
    sold_by,
    local_loop,
    includes_long_distance,
    has_internet,
    last_mile
from judged
