{# analytics.plan_network_capacity: a zone's subscribers month by month under the source's signature, from
   analytics.capacity_forecasts, with the caller's rights. What is not there is an error that says what is. #}
{% macro create_plan_network_capacity() -%}
create or replace function analytics.plan_network_capacity(zone_uuid uuid, planning_horizon_months integer default 12)
returns table (
    planning_period date, current_capacity integer, projected_demand integer, capacity_gap integer,
    recommended_actions jsonb, implementation_priority varchar, estimated_cost decimal
)
language plpgsql stable security invoker
set search_path = pg_catalog, pg_temp
as $plan$
declare
    months bigint;
    zones bigint;
    computed date;
begin
    if zone_uuid is null or coalesce(planning_horizon_months, 0) < 1 then
        raise exception 'plan_network_capacity needs a zone and a horizon of 1 month or more, given were % and %',
            coalesce(zone_uuid::text, 'null'), coalesce(planning_horizon_months::text, 'null') using errcode = '22023';
    end if;
    select count(*) into months from analytics.capacity_forecasts as forecast
    where forecast.entity_type = 'zone' and forecast.entity_id = zone_uuid and forecast.measure = 'subscribers';
    if months = 0 then
        select count(distinct forecast.entity_id), max(forecast.as_of_date) into zones, computed
        from analytics.capacity_forecasts as forecast where forecast.entity_type = 'zone';
        raise exception 'no capacity plan of zone % that you may read; there are plans of % zones as of %',
            zone_uuid, zones, coalesce(computed::text, 'no day')
            using errcode = 'P0002', hint = case
                when zones = 0 then 'Nothing has been computed yet: run the pipeline (make run).'
                else 'Zones are in core.dim_service_zone; a new one is planned with the next daily run.'
            end;
    end if;
    if months < planning_horizon_months then
        raise exception 'plans of % months are computed, asked for were %', months, planning_horizon_months
            using errcode = '22023', hint = 'Ask for fewer, or raise horizon_months in the seed capacity_parameters.';
    end if;
    return query
    select
        forecast.planning_period, round(forecast.current_capacity)::integer, round(forecast.projected_demand)::integer,
        round(forecast.projected_demand)::integer - round(forecast.current_capacity)::integer,
        forecast.recommended_actions, forecast.implementation_priority::varchar, forecast.estimated_cost
    from analytics.capacity_forecasts as forecast
    where forecast.entity_type = 'zone' and forecast.entity_id = zone_uuid and forecast.measure = 'subscribers'
        and forecast.months_ahead <= planning_horizon_months
    order by forecast.planning_period;
end
$plan$;
comment on function analytics.plan_network_capacity(uuid, integer) is
    'A zone''s subscribers against its capacity, month by month; from analytics.capacity_forecasts.';
{{ let_readers_call('analytics.plan_network_capacity(uuid, integer)', 'network') }}
{%- endmacro %}
