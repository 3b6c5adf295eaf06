-- Schema `audit`: who changed what, who read what of a customer, and the chain that shows whether an entry was altered.
-- Not here: what is audited (roles.yml) and when entries are sealed (seals.py).
-- Run as the keeper, whom nobody may become; every statement may be run again. {owner} may add entries, and no more.

comment on schema audit is 'Append-only trail of changes and of reads; see docs/security.md.';

create table if not exists audit.audit_log (
    audit_id uuid not null default gen_random_uuid(),
    table_name text not null,
    record_id text not null,
    operation text not null check (operation in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'RUN')),
    old_values jsonb,
    new_values jsonb,
    user_id text not null default session_user,
    customer_id uuid,
    provider_id uuid,
    session_id text not null default coalesce(nullif(current_setting('app.session_id', true), ''), pg_backend_pid()::text),
    ip_address inet default inet_client_addr(),
    user_agent text default coalesce(nullif(current_setting('app.user_agent', true), ''), current_setting('application_name')),
    change_reason text default nullif(current_setting('app.change_reason', true), ''),
    data_sensitivity text not null check (data_sensitivity in ('public', 'internal', 'confidential', 'restricted')),
    changed_at timestamptz not null default clock_timestamp(),
    entry_hash bytea not null,
    primary key (audit_id, changed_at)
) partition by range (changed_at);
comment on table audit.audit_log is 'One row per changed row outside a run of the pipeline, and one per table and run.';
comment on column audit.audit_log.record_id is 'Primary key of the row, parts joined by /; of a run its id.';
comment on column audit.audit_log.old_values is 'The row before. A column that holds something of a person shows as null under its name.';
comment on column audit.audit_log.new_values is 'The row after, as old_values; of a run the number of rows that it changed.';
comment on column audit.audit_log.user_id is 'Login that made the change.';

create table if not exists audit.access_log (
    access_id uuid not null default gen_random_uuid(),
    user_id text not null default session_user,
    what text not null,
    reason text not null,
    rows_read bigint not null,
    session_id text not null default coalesce(nullif(current_setting('app.session_id', true), ''), pg_backend_pid()::text),
    ip_address inet default inet_client_addr(),
    user_agent text default coalesce(nullif(current_setting('app.user_agent', true), ''), current_setting('application_name')),
    accessed_at timestamptz not null default clock_timestamp(),
    entry_hash bytea not null,
    primary key (access_id, accessed_at)
) partition by range (accessed_at);
comment on table audit.access_log is 'One row per read of customer data through a page, an export or a search: who, what, why, how many rows.';

create table if not exists audit.seals (
    seal_number bigint primary key,
    sealed_at timestamptz not null,
    entries_count bigint not null,
    entries_hash bytea not null,
    previous_hash bytea not null,
    seal_hash bytea not null
);
comment on table audit.seals is 'One row per seal; each holds the hash of the one before.';
create table if not exists audit.sealed_entries (
    entry_id uuid primary key,
    seal_number bigint not null references audit.seals,
    entry_hash bytea not null
);
create index if not exists sealed_entries_seal on audit.sealed_entries (seal_number);
comment on table audit.sealed_entries is 'One row per sealed entry of audit_log or access_log.';

-- SHA-256 over all of an entry but its hash. Instants count as microseconds, so that no setting of a session matters.
create or replace function audit.hash_of(entry audit.audit_log) returns bytea
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select sha256(convert_to(jsonb_build_array(
        entry.audit_id, entry.table_name, entry.record_id, entry.operation, entry.old_values, entry.new_values, entry.user_id,
        entry.customer_id, entry.provider_id, entry.session_id, host(entry.ip_address), entry.user_agent, entry.change_reason,
        entry.data_sensitivity, (extract(epoch from entry.changed_at) * 1000000)::bigint
    )::text, 'UTF8'))
$$;

create or replace function audit.hash_of(entry audit.access_log) returns bytea
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select sha256(convert_to(jsonb_build_array(
        entry.access_id, entry.user_id, entry.what, entry.reason, entry.rows_read, entry.session_id, host(entry.ip_address),
        entry.user_agent, (extract(epoch from entry.accessed_at) * 1000000)::bigint
    )::text, 'UTF8'))
$$;

create or replace function audit.hash_entry() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.entry_hash := audit.hash_of(new);
    return new;
end
$$;
create or replace trigger hash_entry before insert on audit.audit_log for each row execute function audit.hash_entry();
create or replace trigger hash_entry before insert on audit.access_log for each row execute function audit.hash_entry();

-- A row for the log: values of personal columns are left out, their names stay.
create or replace function audit.without_person(table_name text, row_values jsonb) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select row_values || coalesce(jsonb_object_agg(column_name, null), '{{}}')
    from access.personal_columns
    where personal_columns.table_name = without_person.table_name and row_values ? column_name
$$;

-- Arguments: the table as the rules name it, its sensitivity, the columns of its key.
create or replace function audit.record_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    either jsonb := coalesce(after, before);
    record_key text := (
        select string_agg(coalesce(either ->> tg_argv[place], ''), '/' order by place)
        from generate_series(2, tg_nargs - 1) as place
    );
begin
    if before = after then
        return null;
    end if;
    insert into audit.audit_log (
        table_name, record_id, operation, old_values, new_values, customer_id, provider_id, data_sensitivity
    ) values (
        tg_argv[0], record_key, tg_op, audit.without_person(tg_argv[0], before), audit.without_person(tg_argv[0], after),
        (either ->> 'customer_id')::uuid, (either ->> 'provider_id')::uuid, tg_argv[1]
    );
    return null;
end
$$;

create or replace function audit.record_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into audit.audit_log (table_name, record_id, operation, data_sensitivity)
    values (tg_argv[0], '*', 'TRUNCATE', tg_argv[1]);
    return null;
end
$$;

-- A run's summary of one table, in the transaction that changed it.
create or replace function audit.record_run(run_id text, table_name text, rows_changed bigint) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into audit.audit_log (table_name, record_id, operation, new_values, data_sensitivity)
    values (table_name, run_id, 'RUN', jsonb_build_object('rows_changed', rows_changed), 'internal')
$$;

-- Until when everything is sealed: no transaction stays open for a week.
create or replace function audit.settled_until() returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select coalesce(max(sealed_at) - interval '7 days', '-infinity') from audit.seals $$;

-- Entries that are committed and in no seal yet.
create or replace view audit.unsealed with (security_invoker = true) as
select entry.audit_id as entry_id, entry.entry_hash
from audit.audit_log as entry
where entry.changed_at > audit.settled_until()
    and not exists (select from audit.sealed_entries where sealed_entries.entry_id = entry.audit_id)
union all
select entry.access_id, entry.entry_hash
from audit.access_log as entry
where entry.accessed_at > audit.settled_until()
    and not exists (select from audit.sealed_entries where sealed_entries.entry_id = entry.access_id);

-- Members of a seal in the order of their ids, which is not that of their transactions.
create or replace function audit.hash_of_members(ids uuid[], hashes bytea[]) returns bytea
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select sha256(coalesce(string_agg(uuid_send(member.id) || member.hash, ''::bytea order by member.id), ''))
    from unnest(ids, hashes) as member (id, hash)
$$;

create or replace function audit.hash_of(seal audit.seals) returns bytea
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select sha256(convert_to(jsonb_build_array(
        seal.seal_number, (extract(epoch from seal.sealed_at) * 1000000)::bigint, seal.entries_count,
        encode(seal.entries_hash, 'hex'), encode(seal.previous_hash, 'hex')
    )::text, 'UTF8'))
$$;

-- Seals what is committed; returns the number of entries. One at a time: the next one waits.
create or replace function audit.seal() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    last_seal audit.seals;
    made audit.seals;
    ids uuid[];
    hashes bytea[];
begin
    perform pg_advisory_xact_lock(hashtextextended('audit.seal', 0));
    select * into last_seal from audit.seals order by seal_number desc limit 1;
    made.seal_number := coalesce(last_seal.seal_number, 0) + 1;
    made.sealed_at := clock_timestamp();
    made.previous_hash := coalesce(last_seal.seal_hash, ''::bytea);
    select array_agg(entry_id), array_agg(entry_hash) into ids, hashes from audit.unsealed;
    made.entries_count := coalesce(cardinality(ids), 0);
    if made.entries_count = 0 then
        return 0;
    end if;
    made.entries_hash := audit.hash_of_members(ids, hashes);
    made.seal_hash := audit.hash_of(made);
    insert into audit.seals select made.*;
    insert into audit.sealed_entries (entry_id, seal_number, entry_hash)
    select member.id, made.seal_number, member.hash from unnest(ids, hashes) as member (id, hash);
    return made.entries_count;
end
$$;

-- Where the trail is broken; empty where it is whole.
create or replace function audit.problems() returns table (place text, problem text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with entry as (
        select audit_id as entry_id, changed_at as entered_at, entry_hash, audit.hash_of(audit_log) as true_hash
        from audit.audit_log
        union all
        select access_id, accessed_at, entry_hash, audit.hash_of(access_log) from audit.access_log
    ),
    chained as (
        select seals, seals.*, (
            select audit.hash_of_members(array_agg(entry_id), array_agg(sealed_entries.entry_hash))
            from audit.sealed_entries where sealed_entries.seal_number = seals.seal_number
        ) as members_hash, lag(seal_number, 1, 0) over chain as number_before, lag(seal_hash, 1, '') over chain as hash_before
        from audit.seals
        window chain as (order by seal_number)
    )
    select 'entry ' || entry_id, 'its content is not what its hash says' from entry where entry_hash is distinct from true_hash
    union all
    select 'entry ' || sealed.entry_id, case
        when entry.entry_id is null then 'it was sealed in seal ' || sealed.seal_number || ' and is gone'
        else 'its hash is not the one in seal ' || sealed.seal_number
    end
    from audit.sealed_entries as sealed
    left join entry on entry.entry_id = sealed.entry_id
    where entry.entry_hash is distinct from sealed.entry_hash
    union all
    select 'entry ' || entry_id, 'it claims to be older than seals that do not hold it'
    from entry
    where entered_at <= audit.settled_until()
        and not exists (select from audit.sealed_entries where sealed_entries.entry_id = entry.entry_id)
    union all
    select 'seal ' || seal_number, case
        when seal_number <> number_before + 1 then 'the seals before it, from ' || number_before + 1 || ' on, are gone'
        when previous_hash <> hash_before then 'it does not follow seal ' || number_before
        when seal_hash <> audit.hash_of(seals) then 'its content is not what its hash says'
        else 'its entries are not those that it was made over'
    end
    from chained
    where seal_number <> number_before + 1 or previous_hash <> hash_before or seal_hash <> audit.hash_of(seals)
        or entries_hash is distinct from members_hash
$$;

-- A partition for each month from this one on; what no month holds goes to the default one, and is not lost.
create or replace function audit.make_partitions(months_ahead integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    log text;
    month date;
begin
    foreach log in array array['audit_log', 'access_log'] loop
        execute format('create table if not exists audit.%I partition of audit.%I default', log || '_default', log);
        for step in 0..months_ahead loop
            month := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => step))::date;
            if to_regclass(format('audit.%I', log || to_char(month, '_YYYY_MM'))) is null then
                execute format(
                    'create table audit.%I partition of audit.%I for values from (%L) to (%L)', log || to_char(month, '_YYYY_MM'),
                    log, month || ' 00:00+00', (month + interval '1 month')::date || ' 00:00+00'
                );
            end if;
        end loop;
    end loop;
end
$$;
select audit.make_partitions(36);

revoke all on all tables in schema audit from public;
revoke all on all functions in schema audit from public;
grant usage on schema audit to {owner};
grant insert (table_name, record_id, operation, old_values, new_values, customer_id, provider_id, data_sensitivity)
    on audit.audit_log to {owner};
grant insert (what, reason, rows_read) on audit.access_log to {owner};
-- Sealing needs to see that an entry is there and its hash, not what it says.
grant select (audit_id, changed_at, entry_hash) on audit.audit_log to {owner};
grant select (access_id, accessed_at, entry_hash) on audit.access_log to {owner};
grant select on audit.unsealed, audit.seals, audit.sealed_entries to {owner};
grant insert on audit.seals, audit.sealed_entries to {owner};
grant execute on all functions in schema audit to {owner};
