-- Schema `regulatory`: the rules of each step of a package, as triggers that nobody goes around.
-- Not here: the tables (packages.sql), the functions that people call (steps.sql), who may what (states.py).
-- Run as the keeper, after packages.sql; every statement may be run again. These functions ask nothing that others own: who
-- owns what they ask could act as the keeper.

-- Whether the person may file: a member of such a role, and no superuser, whom a role's rules do not bind.
create or replace function regulatory.may_file() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select not person.rolsuper and exists (
        select from pg_roles as filer
        where filer.rolname = any(array[{filer_names}]::name[]) and pg_has_role(person.oid, filer.oid, 'MEMBER')
    )
    from pg_roles as person where person.rolname = session_user
$$;

create or replace function regulatory.require_filer(step text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not coalesce(regulatory.may_file(), false) then
        raise exception '% may not % a package: expected a login of compliance', session_user, step using errcode = '42501';
    end if;
end
$$;

-- What is wrong with findings as a package brings them; null: nothing.
create or replace function regulatory.findings_problem(findings jsonb, compliance_status text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when jsonb_typeof(findings) <> 'array' then 'validation is no list of findings'
        when exists (
            select from jsonb_array_elements(findings) with ordinality as one (finding, place)
            where (finding ->> 'finding_number') is distinct from place::text
                or coalesce(finding ->> 'level', '') not in ('error', 'warning') or coalesce(finding ->> 'message', '') = ''
        ) then 'findings are numbered 1, 2, 3, …, each with a level (error or warning) and a message'
        when compliance_status <> 'incomplete' and findings @? '$[*] ? (@.level == "error")' then
            'a package with an error is incomplete, not ' || compliance_status
        when (compliance_status = 'ready' and findings <> '[]')
            or (compliance_status = 'ready_with_warnings' and findings = '[]') then
            format('it is %s with %s findings', compliance_status, jsonb_array_length(findings))
    end
$$;

create or replace function regulatory.next_package_number(report_type text, provider_id uuid, period_end date) returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max(package.package_number), 0) + 1
    from regulatory.packages as package
    where package.report_type = next_package_number.report_type and package.provider_id = next_package_number.provider_id
        and package.period_end = next_package_number.period_end
$$;

-- A new package: a draft with the next number, other than the newest.
create or replace function regulatory.admit_package() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    problem text;
begin
    perform pg_advisory_xact_lock(
        hashtextextended(format('regulatory.packages %s %s %s', new.report_type, new.provider_id, new.period_end), 0)
    );
    new.package_number := regulatory.next_package_number(new.report_type, new.provider_id, new.period_end);
    if exists (
        select from regulatory.packages as newest
        where newest.report_type = new.report_type and newest.provider_id = new.provider_id
            and newest.period_end = new.period_end and newest.package_number = new.package_number - 1
            and newest.manifest_sha256 = new.manifest_sha256
    ) then
        raise exception 'package % of % for % has this very content: the same data make no new package',
            new.package_number - 1, new.report_type, new.period_end using errcode = '23505';
    end if;
    problem := case
        when new.folder !~ ('^([A-Za-z0-9][A-Za-z0-9_.-]*/)+' || new.package_number || '$') then
            format('folder is %L: expected names with / between them and the number %s at the end', new.folder, new.package_number)
        when jsonb_typeof(new.manifest -> 'files') is distinct from 'array' or new.manifest -> 'files' = '[]' then
            'the manifest lists no files'
        when jsonb_typeof(new.reconciliation) <> 'array' then 'reconciliation is no list'
        else regulatory.findings_problem(new.validation, new.compliance_status)
    end;
    if problem is not null then
        raise exception 'package % of %: %', new.package_number, new.report_type, problem using errcode = '22023';
    end if;
    new.state := 'draft';
    new.generated_at := clock_timestamp();
    new.generated_by := session_user;
    return new;
end
$$;

-- Warnings of a package that nobody acknowledged yet, by their numbers.
create or replace function regulatory.open_warnings(package_id bigint) returns integer[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(number order by number), '{{}}')
    from regulatory.packages as package
    cross join lateral jsonb_array_elements(package.validation) as finding
    cross join lateral (select (finding ->> 'finding_number')::integer as number) as one
    where package.package_id = open_warnings.package_id and finding ->> 'level' = 'warning' and not exists (
        select from regulatory.acknowledgements as said
        where said.package_id = package.package_id and said.finding_number = number
    )
$$;

-- A step of a package: only forward, by the rules of each. What a step does not set stays as it was.
create or replace function regulatory.take_step() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    result regulatory.packages := old;
    name constant text := format('package %s (%s for %s, number %s)', old.package_id, old.report_type, old.period_end, old.package_number);
    problem text;
begin
    result.state := new.state;
    if new.state <> 'superseded' or old.state = 'filed' then
        perform regulatory.require_filer(case new.state
            when 'validated' then 'validate' when 'approved' then 'approve' when 'filed' then 'file'
            when 'superseded' then 'supersede' else 'change' end);
    end if;
    case old.state || ' to ' || new.state
        when 'draft to validated' then
            problem := case when old.compliance_status not in ('ready', 'ready_with_warnings') or old.validation @? '$[*] ? (@.level == "error")'
                then 'is ' || old.compliance_status || ': expected ready or ready_with_warnings; mend the data and generate again' end;
            result.validated_at := clock_timestamp();
            result.validated_by := session_user;
        when 'validated to approved' then
            problem := case
                when old.validated_by = session_user then format('was validated by %s: expected another person to approve it', session_user)
                when regulatory.open_warnings(old.package_id) <> '{{}}' then
                    'has warnings that nobody acknowledged: ' || array_to_string(regulatory.open_warnings(old.package_id), ', ')
            end;
            result.approved_at := clock_timestamp();
            result.approved_by := session_user;
        when 'approved to filed' then
            problem := case
                when not coalesce(
                    new.submission_id ~ '\S' and new.certifier_name ~ '\S' and new.certifier_title ~ '\S' and new.filed_on is not null,
                    false
                )
                    then 'lacks something: expected submission id, day of submission, certifier''s name and title'
                when greatest(length(new.submission_id), length(new.certifier_name), length(new.certifier_title)) > 200
                    then 'has a text of over 200 characters: expected submission id, certifier''s name and title'
                -- A day ahead of the server's own may have begun elsewhere.
                when new.filed_on not between old.period_end and (clock_timestamp() at time zone 'UTC')::date + 1
                    then format('was submitted on %s: expected a day from the end of its period to today', new.filed_on)
                when exists (
                    select from regulatory.packages as other
                    where other.report_type = old.report_type and other.provider_id = old.provider_id
                        and other.period_end = old.period_end and other.state = 'filed'
                ) then 'follows one that is filed: supersede that one first, with the reason'
            end;
            result.filed_at := clock_timestamp();
            result.filed_by := session_user;
            result.filed_on := new.filed_on;
            result.submission_id := btrim(new.submission_id, E' \t\r\n');
            result.certifier_name := btrim(new.certifier_name, E' \t\r\n');
            result.certifier_title := btrim(new.certifier_title, E' \t\r\n');
        when 'draft to superseded', 'validated to superseded', 'approved to superseded', 'filed to superseded' then
            problem := case
                when coalesce(new.superseded_reason, '') !~ '\S' or length(new.superseded_reason) > 4000
                    then 'needs a reason to be superseded, of at most 4000 characters'
                when old.package_number + 1 = regulatory.next_package_number(old.report_type, old.provider_id, old.period_end)
                    then 'is the newest of its period: generate the one that takes its place first'
            end;
            result.superseded_at := clock_timestamp();
            result.superseded_by := session_user;
            result.superseded_reason := btrim(new.superseded_reason, E' \t\r\n');
        else
            problem := format('is %s: it cannot become %s', old.state, new.state);
    end case;
    if problem is not null then
        raise exception '% %', name, problem using errcode = '55000';
    end if;
    return result;
end
$$;

-- What follows from a new package or a step: older drafts give way, filing_status and the audit log know.
create or replace function regulatory.follow_step() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    bulky constant text[] := array['manifest', 'validation', 'reconciliation', 'difference', 'report_data'];
begin
    insert into audit.audit_log (table_name, record_id, operation, old_values, new_values, provider_id, data_sensitivity)
    values (
        'regulatory.packages', new.package_id::text, tg_op,
        case tg_op when 'UPDATE' then jsonb_strip_nulls(to_jsonb(old) - bulky) end, jsonb_strip_nulls(to_jsonb(new) - bulky),
        new.provider_id, 'restricted'
    );
    if tg_op = 'INSERT' then
        update regulatory.packages as older
        set state = 'superseded', superseded_reason = format('package %s holds other data', new.package_number)
        where older.report_type = new.report_type and older.provider_id = new.provider_id and older.period_end = new.period_end
            and older.package_number < new.package_number and older.state in ('draft', 'validated', 'approved');
    end if;
    insert into regulatory.filing_status as kept (
        report_type, provider_id, period_start, period_end, report_data, compliance_status, submission_deadline,
        required_filings, validation_errors, package_id, state, filed_package_id
    )
    select newest.report_type, newest.provider_id, newest.period_start, newest.period_end, newest.report_data,
        newest.compliance_status, (newest.manifest ->> 'due_date')::date, coalesce(newest.manifest -> 'required_filings', '[]'),
        jsonb_path_query_array(newest.validation, '$[*] ? (@.level == "error")'), newest.package_id, newest.state,
        (select filed.package_id from regulatory.packages as filed
            where filed.report_type = new.report_type and filed.provider_id = new.provider_id
                and filed.period_end = new.period_end and filed.period_start = new.period_start and filed.state = 'filed')
    from regulatory.packages as newest
    where newest.report_type = new.report_type and newest.provider_id = new.provider_id and newest.period_end = new.period_end
        and newest.period_start = new.period_start
    order by newest.package_number desc
    limit 1
    on conflict (report_type, provider_id, period_start, period_end) do update
    set (report_data, compliance_status, submission_deadline, required_filings, validation_errors, package_id, state,
        filed_package_id, changed_at)
        = row(excluded.report_data, excluded.compliance_status, excluded.submission_deadline, excluded.required_filings,
            excluded.validation_errors, excluded.package_id, excluded.state, excluded.filed_package_id, clock_timestamp());
    return null;
end
$$;

create or replace function regulatory.admit_acknowledgement() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    package regulatory.packages;
begin
    perform regulatory.require_filer('acknowledge a warning of');
    select * into package from regulatory.packages where packages.package_id = new.package_id for share;
    if package.package_id is null then
        raise exception 'there is no package %', new.package_id using errcode = 'P0002';
    end if;
    if package.state not in ('draft', 'validated') then
        raise exception 'package % is %: warnings are acknowledged before it is approved', new.package_id, package.state
            using errcode = '55000';
    end if;
    if package.validation -> (new.finding_number - 1) ->> 'level' is distinct from 'warning' or new.finding_number < 1 then
        raise exception 'finding % of package % is no warning', new.finding_number, new.package_id using errcode = '22023';
    end if;
    if coalesce(new.explanation, '') !~ '\S' or length(new.explanation) > 4000 then
        raise exception 'a warning is acknowledged with a text of 1 to 4000 characters' using errcode = '22023';
    end if;
    new.explanation := btrim(new.explanation, E' \t\r\n');
    new.provider_id := package.provider_id;
    new.acknowledged_at := clock_timestamp();
    new.acknowledged_by := session_user;
    return new;
end
$$;

create or replace function regulatory.follow_acknowledgement() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into audit.audit_log (table_name, record_id, operation, new_values, provider_id, data_sensitivity)
    values ('regulatory.acknowledgements', new.acknowledgement_id::text, tg_op, to_jsonb(new), new.provider_id, 'restricted');
    return null;
end
$$;

-- Refused to everybody, a superuser too: what went out stays.
create or replace function regulatory.refuse() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% of %.%: packages, their steps and their texts are kept', lower(tg_op), tg_table_schema, tg_table_name
        using errcode = '42501';
end
$$;

create or replace trigger admit_package before insert on regulatory.packages
for each row execute function regulatory.admit_package();
create or replace trigger take_step before update on regulatory.packages for each row execute function regulatory.take_step();
create or replace trigger follow_step after insert or update on regulatory.packages
for each row execute function regulatory.follow_step();
create or replace trigger admit_acknowledgement before insert on regulatory.acknowledgements
for each row execute function regulatory.admit_acknowledgement();
create or replace trigger follow_acknowledgement after insert on regulatory.acknowledgements
for each row execute function regulatory.follow_acknowledgement();
create or replace trigger refuse before delete or truncate on regulatory.packages
for each statement execute function regulatory.refuse();
create or replace trigger refuse before update or delete or truncate on regulatory.acknowledgements
for each statement execute function regulatory.refuse();
