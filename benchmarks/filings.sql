-- A provider with so many connections, put straight into the core tables. Not here: the measuring (filings.py).
set session_replication_role to replica;
insert into core.dim_provider (provider_id, provider_name, provider_type, frn, bdc_provider_id, form499_id, time_zone)
values ('00000000-0000-0000-0000-0000000000a1', 'Cahaba Net', 'converged', '0012345678', 130999, '827099',
    'America/Chicago');
insert into core.dim_service_plan (plan_key, plan_id, provider_id, plan_name, plan_type, includes, technology_code,
    speed_mbps_down, speed_mbps_up, voice_service, voice_lines, is_business, valid_from, valid_to, is_current, is_prepaid)
select md5('plan' || n)::uuid, md5('plan' || n)::uuid, '00000000-0000-0000-0000-0000000000a1', 'plan ' || n,
    case when n < 8 then 'cable' when n < 10 then 'voice' else 'mobile' end,
    case when n < 8 then '["data"]' when n < 10 then '["voice"]' else '["data", "voice"]' end::jsonb,
    case when n < 4 then 50 when n < 8 then 40 end, case when n < 8 or n >= 10 then 100 * (n + 1) end,
    case when n < 8 or n >= 10 then 10 * (n + 1) end,
    case when n < 8 then null when n < 10 then 'voip_facilities' else 'mobile' end, 1, n % 4 = 3,
    '-infinity', 'infinity', true, false
from generate_series(0, 12) as n;
insert into core.dim_census_block (block_geoid, zone_id, provider_id, tract_geoid, county_geoid, state_fips, location)
select '01001' || lpad(t::text, 6, '0') || lpad(b::text, 4, '0'), '00000000-0000-0000-0000-000000000000',
    '00000000-0000-0000-0000-0000000000a1', '01001' || lpad(t::text, 6, '0'), '01001', '01',
    point(-87 + t % 100 * 0.02 + b * 0.0005, 32 + t / 100 * 0.1 + b * 0.0005)
from generate_series(1, {tracts}) as t cross join generate_series(1, {blocks_per_tract}) as b;
insert into core.dim_service (service_key, service_id, customer_id, plan_id, provider_id, zone_id, time_zone,
    service_status, activated_at, service_state, sold_by, connections, created_at, valid_from, valid_to, is_current)
select md5(n::text)::uuid, md5(n::text)::uuid, md5('customer' || n / 2)::uuid, md5('plan' || n % 13)::uuid,
    '00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-000000000000', 'America/Chicago',
    case when n % 97 = 0 then 'suspended' else 'active' end, '2024-01-01', 'AL', 'direct', 1, '2024-01-01',
    '-infinity', 'infinity', true
from generate_series(1, {connections}) as n;
insert into core.dim_service_place (service_key, service_id, customer_id, provider_id, zone_id, block_geoid, location,
    valid_from, valid_to)
select service_key, service_id, customer_id, provider_id, zone_id,
    case when n % 50 > 0 then '01001' || lpad((1 + n % {tracts})::text, 6, '0') || '0001' end,
    point(-87 + n % 100 * 0.02, 32 + n % {tracts} / 100 * 0.1), valid_from, valid_to
from (select *, row_number() over (order by service_id) as n from core.dim_service) as service;
insert into core.dim_customer (customer_key, customer_id, zone_id, customer_type, state, created_at, valid_from,
    valid_to, is_current)
select distinct on (customer_id) customer_id, customer_id, '00000000-0000-0000-0000-000000000000'::uuid, 'individual',
    'AL', created_at, '-infinity'::timestamptz, 'infinity'::timestamptz, true
from core.dim_service;
insert into reference.census_tracts (tract_geoid, state_fips, county_fips)
select distinct tract_geoid, '01', '001' from core.dim_census_block;
set session_replication_role to default
