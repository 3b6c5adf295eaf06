-- What has to be done to make a relation follow the rules, as statements, and doing it.
-- Not here: the rules and their conditions (access.sql).
-- Run as the owner after access.sql; every statement may be run again.

-- Who has to be let into a schema: each role that reads a class with a table there. Apart from the relations, since two that
-- are made at once cannot both change their schema.
create or replace function access.schema_statements() returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select distinct format('grant usage on schema %I to %I', nspname, rolname)
    from access.classes
    inner join access.rules on rules.class_name = classes.class_name
    inner join pg_roles on rolname = role_name
    inner join pg_namespace on nspname = split_part(table_pattern, '.', 1)
    where not exists (select from aclexplode(nspacl) where grantee = pg_roles.oid and privilege_type = 'USAGE')
$$;

-- What has to be granted and revoked on a relation and its columns.
create or replace function access.grant_statements(relation regclass) returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with class as (
        select oid, relacl, relowner from pg_class where oid = relation
    ),
    present as (
        select grantee, privilege_type, null::name as attname, is_grantable
        from class, aclexplode(relacl) where grantee <> relowner
        union all
        select grantee, privilege_type, attname, is_grantable
        from class inner join pg_attribute on attrelid = class.oid and not attisdropped, aclexplode(attacl)
        where grantee <> relowner
    ),
    wanted as (
        select wanted.role_name::regrole::oid as grantee, 'SELECT' as privilege_type, one.attname
        from access.wanted(relation) as wanted
        cross join lateral unnest(coalesce(wanted.columns, array[null])) as one (attname)
    )
    select format(
        'revoke %s%s on %s from %s', privilege_type, ' (' || quote_ident(attname) || ')', relation,
        case grantee when 0 then 'public' else grantee::regrole::text end
    )
    from present
    where is_grantable or not exists (
        select from wanted where wanted.grantee = present.grantee and wanted.privilege_type = present.privilege_type
            and wanted.attname is not distinct from present.attname
    )
    union all
    select format('grant %s%s on %s to %s', privilege_type, ' (' || quote_ident(attname) || ')', relation, grantee::regrole)
    from wanted
    where not exists (
        select from present where not is_grantable and present.grantee = wanted.grantee
            and present.privilege_type = wanted.privilege_type and present.attname is not distinct from wanted.attname
    )
$$;

-- A policy's comment seals its condition as written and as PostgreSQL keeps it, so that a change by hand shows.
create or replace function access.policy_seal(policy oid, condition text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select md5(condition) || ' ' || md5(pg_get_expr(polqual, polrelid)) from pg_policy where oid = policy $$;

create or replace function access.make_policy(relation regclass, role_name text, condition text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('create policy %I on %s for select to %I using (%s)', role_name, relation, role_name, condition);
    execute format('comment on policy %I on %s is %L', role_name, relation, (
        select access.policy_seal(oid, condition) from pg_policy where polrelid = relation and polname = role_name
    ));
end
$$;

-- Row security of a table that names a provider, zone, element, customer or service: one policy for each role.
create or replace function access.policy_statements(relation regclass) returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with keyed as (
        select oid, relrowsecurity from pg_class
        where oid = relation and relkind in ('r', 'p') and exists (
            select from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped
                and (attname in ('provider_id', 'zone_id', 'element_id', 'customer_id', 'service_id')
                    or relation::text in ('access.provider_scopes', 'access.zone_scopes'))
        ) and (access.class_of(relation)).class_name is distinct from 'landing'
    ),
    wanted as (
        select wanted.role_name, wanted.condition from access.wanted(relation) as wanted where exists (select from keyed)
    ),
    right_ones as (
        select policy.oid, polname
        from pg_policy as policy
        inner join wanted on polname = wanted.role_name
        where polrelid = relation and polpermissive and polcmd = 'r' and polroles = array[wanted.role_name::regrole::oid]
            and obj_description(policy.oid, 'pg_policy') = access.policy_seal(policy.oid, wanted.condition)
            and obj_description(policy.oid, 'pg_policy') like md5(wanted.condition) || ' %'
    )
    select format('drop policy %I on %s', polname, relation)
    from pg_policy where polrelid = relation and oid not in (select oid from right_ones)
    union all
    select format('alter table %s enable row level security', relation) from keyed where not relrowsecurity
    union all
    select format('select access.make_policy(%L, %L, %L)', relation, role_name, condition)
    from wanted where role_name not in (select polname from right_ones)
$$;

-- Changes outside a run of the pipeline are written down by triggers; a run writes its own summary. Changes of the rules
-- themselves always are.
create or replace function access.trigger_statements(relation regclass) returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with audited as (
        select pg_class.oid, relnamespace = to_regnamespace('access') as is_rule, data_sensitivity, coalesce((
            select string_agg(quote_literal(attname), ', ' order by place)
            from pg_index
            cross join lateral unnest(indkey::int2[]) with ordinality as key (attnum, place)
            inner join pg_attribute on attrelid = indrelid and pg_attribute.attnum = key.attnum
            where indrelid = pg_class.oid and indisprimary
        ), (
            select quote_literal(attname) from pg_attribute
            where attrelid = pg_class.oid and attnum > 0 and not attisdropped order by attnum limit 1
        )) as keys
        from pg_class
        inner join pg_namespace on pg_namespace.oid = relnamespace
        inner join access.audited_tables on table_pattern in (nspname || '.' || relname, nspname || '.*')
        where pg_class.oid = relation and relkind in ('r', 'p') and not relispartition
            and to_regprocedure('audit.record_change()') is not null
    ),
    wanted as (
        select name, definition, md5(definition) as seal
        from audited
        cross join lateral (
            values (
                'audit_rows', format(
                    'create trigger audit_rows after insert or update or delete on %s for each row%s'
                    ' execute function audit.record_change(%L, %L, %s)',
                    relation,
                    case when is_rule then '' else ' when (coalesce(current_setting(''warehouse.run_id'', true), '''') = '''')' end,
                    relation, data_sensitivity, keys
                )
            ), (
                'audit_truncate', format(
                    'create trigger audit_truncate after truncate on %s for each statement'
                    ' execute function audit.record_truncate(%L, %L)', relation, relation, data_sensitivity
                )
            )
        ) as statement (name, definition)
    ),
    present as (
        select tgname, obj_description(oid, 'pg_trigger') as seal from pg_trigger
        where tgrelid = relation and tgname in ('audit_rows', 'audit_truncate') and tgenabled <> 'D'
    )
    select format('drop trigger if exists %I on %s', name, relation)
    from wanted where not exists (select from present where tgname = name and present.seal = wanted.seal)
    union all
    select definition from wanted where not exists (select from present where tgname = name and present.seal = wanted.seal)
    union all
    select format('comment on trigger %I on %s is %L', name, relation, seal)
    from wanted where not exists (select from present where tgname = name and present.seal = wanted.seal)
$$;

-- Whether a relation belongs to the keeper: it came with rights and triggers of its own.
create or replace function access.is_kept(relation regclass) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from pg_class inner join pg_namespace on nspname = 'audit' and nspowner = relowner where pg_class.oid = relation
    )
$$;

-- Everything that has to be done, in order; empty where the relation follows the rules already.
create or replace function access.statements_for(relation regclass) returns setof text
language sql stable
as $$
    select statement
    from (
        select access.policy_statements(relation)
        union all
        select access.trigger_statements(relation)
        union all
        select access.grant_statements(relation)
    ) as found (statement)
    where not access.is_kept(relation)
$$;

-- Does it, in the open transaction; returns what was done.
create or replace function access.protect(relation regclass) returns setof text
language plpgsql
as $$
declare
    command text;
begin
    for command in select * from access.statements_for(relation) loop
        execute command;
        return next command;
    end loop;
end
$$;

-- Lets the roles into the schemas, in the open transaction.
create or replace function access.open_schemas() returns void
language plpgsql
as $$
declare
    command text;
begin
    for command in select * from access.schema_statements() loop
        execute command;
    end loop;
end
$$;

-- Remembers which columns of a table hold something of a person, and in which form, as its model says: {"email": "clear"}.
create or replace function access.tag(relation regclass, tags jsonb) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    delete from access.personal_columns where table_name = relation::text and not tags ? column_name;
    insert into access.personal_columns
    select relation::text, tag.key, tag.value from jsonb_each_text(tags) as tag
    on conflict (table_name, column_name) do update set form = excluded.form where personal_columns.form <> excluded.form
$$;

-- What a build asks of a relation that was there: its tags are kept, and whether something has to be done.
create or replace function access.lacks(relation regclass, tags jsonb) returns boolean
language sql
as $$
    select access.tag(relation, tags);
    select exists (select from access.statements_for(relation));
$$;
