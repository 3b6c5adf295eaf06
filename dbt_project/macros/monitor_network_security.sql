{# analytics.monitor_network_security: the source design's function over analytics.security_findings as they are now, with the
   caller's rights. The period ends with the AS_OF of the last run. What is not there is an error that says what is. #}
{% macro finding_time(column) -%}
    to_char({{ column }} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
{%- endmacro %}

{% macro create_monitor_network_security() -%}
create or replace function analytics.monitor_network_security(
    provider_uuid uuid, monitoring_period_hours integer default 24
)
returns table (
    security_status varchar, security_incidents jsonb, compliance_violations jsonb, recommended_actions jsonb,
    risk_score decimal
)
language plpgsql stable security invoker
set search_path = pg_catalog, pg_temp
as $monitor$
#variable_conflict use_column
declare
    ends_at timestamptz;
    providers bigint;
    newest timestamptz;
begin
    if provider_uuid is null or coalesce(monitoring_period_hours, 0) < 1 then
        raise exception 'monitor_network_security needs a provider and a period of 1 hour or more, given were % and %',
            coalesce(provider_uuid::text, 'null'), coalesce(monitoring_period_hours::text, 'null')
            using errcode = '22023';
    end if;
    select status.as_of_at into ends_at
    from analytics.network_security_status as status where status.provider_id = provider_uuid;
    if ends_at is null then
        select count(*), max(status.as_of_at) into providers, newest from analytics.network_security_status as status;
        raise exception 'no security status of provider % that % may read; there are those of % providers as of %',
            provider_uuid, current_user, providers, coalesce(newest::text, 'no instant')
            using errcode = 'P0002', hint = case
                when providers = 0
                    then 'Nothing has been computed yet: run the pipeline (make run), or materialize'
                        ' analytics/network_security_status.'
                else 'Providers are in core.dim_provider; a new one is judged with the next daily run.'
            end;
    end if;
    return query
    with counted as (
        select
            finding.*, severity.points,
            array_position(array['low', 'medium', 'high', 'critical'], finding.severity) as rank
        from analytics.security_findings as finding
        left join reference.security_severities as severity on severity.severity = finding.severity
        where finding.provider_id = provider_uuid
            and case finding.finding_class
                when 'violation' then finding.finding_status = 'open'
                else finding.finding_status <> 'muted'
                    and finding.last_seen_at > ends_at - make_interval(hours => monitoring_period_hours)
                    and finding.first_seen_at <= ends_at
            end
    ),
    action as (
        select counted.recommended_action, max(counted.rank) as gravest, count(*) as times from counted group by 1
    ),
    summed as (
        select
            least(coalesce(sum(counted.points), 0), 100) as score,
            coalesce(
                jsonb_agg(jsonb_build_object(
                    'finding_id', counted.finding_id, 'element_id', counted.element_id,
                    'element_name', counted.element_name, 'anomaly_type', counted.finding_kind,
                    'severity', counted.severity, 'description', counted.description,
                    'timestamp', {{ finding_time('counted.last_seen_at') }},
                    'first_seen_at', {{ finding_time('counted.first_seen_at') }},
                    'finding_status', counted.finding_status, 'affected_elements_count', counted.affected_elements_count
                ) order by counted.rank desc, counted.last_seen_at desc, counted.finding_id::text)
                filter (where counted.finding_class <> 'violation'), '[]'
            ) as incidents,
            coalesce(
                jsonb_agg(jsonb_build_object(
                    'finding_id', counted.finding_id, 'element_id', counted.element_id,
                    'element_name', counted.element_name, 'violation_type', counted.finding_kind,
                    'severity', counted.severity, 'description', counted.description, 'rule_id', counted.rule_id,
                    'since', {{ finding_time('counted.first_seen_at') }}
                ) order by counted.rank desc, counted.last_seen_at desc, counted.finding_id::text)
                filter (where counted.finding_class = 'violation'), '[]'
            ) as violations
        from counted
    )
    select
        coalesce(
            (select level.security_status from reference.security_levels as level
                where level.over_score < summed.score order by level.over_score desc limit 1),
            (select level.security_status from reference.security_levels as level order by level.over_score limit 1)
        )::varchar,
        summed.incidents, summed.violations,
        coalesce(
            (select jsonb_agg(action.recommended_action
                order by action.gravest desc, action.times desc, action.recommended_action collate "C") from action), '[]'
        ),
        summed.score::decimal
    from summed;
end
$monitor$;
comment on function analytics.monitor_network_security(uuid, integer) is
    'A provider''s security status, incidents in the hours before the last run''s AS_OF, violations, actions and score.';
{{ let_readers_call('analytics.monitor_network_security(uuid, integer)', 'security') }}
{%- endmacro %}
