{# analytics.mute_finding and unmute_finding: a person says that a finding is known and shall be silent, and why. They write
   with the owner's rights, so they first ask which rows of the table the caller's role may read, by the conditions of the
   table's own policies. The change is a row of the audit log, as every change outside a run. #}
{% macro finding_tables() -%}
    {{ return({'analytics.security_findings': 'security', 'analytics.revenue_assurance_findings': 'revenue_assurance',
        'analytics.outage_findings': 'network'}) }}
{%- endmacro %}

{% macro create_mute_finding() -%}
create or replace function analytics.change_finding(finding_id uuid, changes text, reason text, muted_until timestamptz)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $change$
declare
    caller constant name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    finding_table text;
    conditions text;
    new_status text;
begin
    if coalesce(btrim(reason), '') = '' then
        raise exception 'a finding is muted or heard again for a reason' using errcode = '22023', hint = 'Say why, in words.';
    end if;
    foreach finding_table in array array['{{ finding_tables().keys() | join("', '") }}'] loop
        select string_agg(format('(%s)', wanted.condition), ' or ') into conditions
        from access.wanted(finding_table) as wanted
        where pg_has_role(caller, wanted.role_name, 'USAGE');
        continue when conditions is null;
        execute format(
            'update %s as finding set %s where finding.finding_id = $1 and (%s) returning finding.finding_status',
            finding_table, changes, conditions
        ) into new_status using finding_id, session_user::text, muted_until, reason, clock_timestamp();
        if new_status is not null then
            return new_status;
        end if;
    end loop;
    raise exception 'there is no finding % that % may read', finding_id, caller
        using errcode = 'P0002', hint = 'Take finding_id from {{ finding_tables().keys() | join(", ") }}.';
end
$change$;
revoke all on function analytics.change_finding(uuid, text, text, timestamptz) from public;

create or replace function analytics.mute_finding(finding_id uuid, reason text, muted_until timestamptz default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $mute$
begin
    if muted_until <= clock_timestamp() then
        raise exception 'muted_until % is over; expected an instant to come, or null for good', muted_until
            using errcode = '22023';
    end if;
    return analytics.change_finding(
        finding_id,
        'muted_by = $2, muted_at = $5, muted_until = $3, mute_reason = $4,'
        ' finding_status = case finding_status when ''resolved'' then ''resolved'' else ''muted'' end',
        reason, muted_until
    );
end
$mute$;
comment on function analytics.mute_finding(uuid, text, timestamptz) is
    'Silences a finding, with who and why, until an instant or for good; returns its status.';

create or replace function analytics.unmute_finding(finding_id uuid, reason text) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $unmute$
begin
    return analytics.change_finding(
        finding_id,
        'muted_by = null, muted_at = null, muted_until = null, mute_reason = null,'
        ' finding_status = case finding_status when ''muted'' then ''open'' else finding_status end',
        reason, null
    );
end
$unmute$;
comment on function analytics.unmute_finding(uuid, text) is
    'Lets a muted finding be heard again; returns its status. Who muted it stays in the audit log.';
{% for class_name in finding_tables().values() -%}
    {{ let_readers_call('analytics.mute_finding(uuid, text, timestamptz)', class_name) }};
    {{ let_readers_call('analytics.unmute_finding(uuid, text)', class_name) }};
{% endfor %}
{%- endmacro %}
