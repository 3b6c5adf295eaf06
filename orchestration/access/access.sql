-- Schema `access`: the rules as tables, and who may read which rows of a relation by them.
-- Not here: the rules themselves (roles.yml, written into these tables by applying.py); making a relation follow them
-- (protecting.sql); the audit trail (audit.sql).
-- Run as the owner; every statement may be run again.

create schema if not exists access;
comment on schema access is 'Who may see what; see docs/security.md.';

create table if not exists access.roles (
    role_name text primary key,
    description text not null,
    reads_audit boolean not null
);
create table if not exists access.classes (
    table_pattern text primary key,
    class_name text not null,
    is_open boolean not null
);
create table if not exists access.rules (
    role_name text not null references access.roles on delete cascade,
    class_name text not null,
    row_filter text not null
        check (row_filter in ('all', 'by_provider', 'by_zone', 'customer', 'marketing', 'cpni_marketing')),
    primary key (role_name, class_name)
);
create table if not exists access.withheld_columns (
    role_name text not null references access.roles on delete cascade,
    table_name text not null,
    column_name text not null,
    primary key (role_name, table_name, column_name)
);
create table if not exists access.audited_tables (
    table_pattern text primary key,
    data_sensitivity text not null check (data_sensitivity in ('public', 'internal', 'confidential', 'restricted'))
);
create table if not exists access.personal_columns (
    table_name text not null,
    column_name text not null,
    form text not null check (form in ('clear', 'masked')),
    primary key (table_name, column_name)
);
create table if not exists access.logins (
    login text primary key,
    role_name text not null,
    made_at timestamptz not null default clock_timestamp()
);
create table if not exists access.provider_scopes (
    login text not null,
    provider_id uuid not null,
    primary key (login, provider_id)
);
create table if not exists access.zone_scopes (
    login text not null,
    zone_id uuid not null,
    primary key (login, zone_id)
);
create table if not exists access.settings (
    setting text primary key,
    value text not null
);

-- A setting as a UUID; unset or malformed it is null, which equals nothing.
create or replace function access.uuid_setting(setting text) returns uuid
language sql stable parallel safe
as $$
    select case
        when current_setting(setting, true) ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
            then current_setting(setting, true)::uuid
    end
$$;

create or replace function access.app_customer_id() returns uuid
language sql stable parallel safe
as $$ select access.uuid_setting('app.customer_id') $$;

-- Whether a row of this service is within app.service_id: unset narrows nothing, malformed shows nothing.
create or replace function access.is_app_service(service_id uuid) returns boolean
language sql stable parallel safe
as $$
    select case
        when coalesce(current_setting('app.service_id', true), '') = '' then true
        else coalesce(service_id = access.uuid_setting('app.service_id'), false)
    end
$$;

-- The class of a relation: a name of its own wins over its schema's pattern.
create or replace function access.class_of(relation regclass) returns access.classes
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select classes
    from access.classes
    inner join pg_class on pg_class.oid = relation
    inner join pg_namespace on pg_namespace.oid = relnamespace
    where table_pattern in (nspname || '.' || relname, nspname || '.*') and not relispartition
    order by table_pattern like '%.*'
    limit 1
$$;

-- The condition on the rows that a filter leaves, over the columns of the relation; null: none of them, no grant.
create or replace function access.row_condition(relation regclass, row_filter text, is_open boolean) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    keys name[] := array(
        select attname from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped
            and attname in ('provider_id', 'zone_id', 'element_id', 'customer_id', 'service_id')
    );
    -- An array is made once a query, is as quick as ids written out, and lets indexes be used.
    scope constant text :=
        'any (array(select scope.%1$s_id from access.%1$s_scopes as scope where scope.login = session_user))';
    consents constant text := '(select consenting.customer_id from core.dim_customer as consenting'
        ' where consenting.is_current and consenting.marketing_consent%s)';
begin
    if row_filter = 'all' or (keys = '{}' and is_open) then
        return 'true';
    end if;
    if relation::text = 'access.provider_scopes' or relation::text = 'access.zone_scopes' then
        return 'login = session_user';
    end if;
    if row_filter = 'by_provider' then
        return case
            when 'provider_id' = any(keys) then 'provider_id = ' || format(scope, 'provider')
            when 'customer_id' = any(keys) and to_regclass('core.bridge_customer_provider') is not null then
                'customer_id in (select bridge.customer_id from core.bridge_customer_provider as bridge'
                ' where bridge.provider_id = ' || format(scope, 'provider') || ')'
        end;
    end if;
    if row_filter = 'by_zone' then
        return case when 'zone_id' = any(keys) then 'zone_id = ' || format(scope, 'zone') end;
    end if;
    if not 'customer_id' = any(keys) then
        return null;
    end if;
    if row_filter = 'customer' then
        return 'customer_id = access.app_customer_id() and access.is_app_service('
            || case when 'service_id' = any(keys) then 'service_id' else 'null' end || ')';
    end if;
    -- What a condition asks may not be built yet: closed until the next look.
    if to_regclass('core.dim_customer') is null then
        return null;
    end if;
    -- A policy cannot ask its own table.
    if relation::text = 'core.dim_customer' then
        return 'is_current and marketing_consent' || case when row_filter = 'cpni_marketing' then ' and cpni_consent' else '' end;
    end if;
    return 'customer_id in '
        || format(consents, case when row_filter = 'cpni_marketing' then ' and consenting.cpni_consent' else '' end);
end
$$;

-- Who may read a relation: through which condition, and which columns (null: all).
create or replace function access.wanted(relation regclass)
returns table (role_name text, condition text, columns text[])
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select rules.role_name, found.condition, case when withheld.columns is not null then array(
        select attname::text from pg_attribute
        where attrelid = relation and attnum > 0 and not attisdropped and attname <> all(withheld.columns)
        order by attnum
    ) end
    from (select (access.class_of(relation)).*) as class
    inner join access.rules on rules.class_name = class.class_name
    inner join pg_roles on rolname = rules.role_name
    cross join lateral (select access.row_condition(relation, rules.row_filter, class.is_open) as condition) as found
    left join lateral (
        select array_agg(column_name) as columns from access.withheld_columns
        where withheld_columns.role_name = rules.role_name and table_name = relation::text
    ) as withheld on true
    where found.condition is not null
$$;
