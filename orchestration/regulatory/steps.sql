-- Schema `regulatory`: what the pipeline and people call. They run with the caller's rights: row security and the triggers of
-- states.sql decide.
-- Not here: the rules.
-- Run as the keeper, after states.sql; every statement may be run again.

-- The pipeline's: a draft with the next number. Older ones that are not filed are superseded by it.
create or replace function regulatory.register_package(
    report_type text, provider_id uuid, period_start date, period_end date, manifest jsonb, manifest_sha256 text, validation jsonb,
    reconciliation jsonb, difference jsonb, compliance_status text, folder text, code_version text, report_data jsonb default '{{}}'
) returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into regulatory.packages (
        report_type, provider_id, period_start, period_end, manifest, manifest_sha256, validation, reconciliation, difference,
        compliance_status, folder, code_version, report_data
    ) values (
        register_package.report_type, register_package.provider_id, register_package.period_start, register_package.period_end,
        register_package.manifest, register_package.manifest_sha256, register_package.validation,
        register_package.reconciliation, register_package.difference, register_package.compliance_status,
        register_package.folder, register_package.code_version, coalesce(register_package.report_data, '{{}}')
    )
    returning packages.package_id
$$;

-- A package that the caller sees and whose files he has looked at: by its id and the SHA-256 of its manifest.
create or replace function regulatory.require_package(package_id bigint, manifest_sha256 text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    kept text;
begin
    select packages.manifest_sha256 into kept from regulatory.packages where packages.package_id = require_package.package_id;
    if kept is null then
        raise exception 'there is no package %', package_id using errcode = 'P0002';
    end if;
    if kept is distinct from require_package.manifest_sha256 then
        raise exception 'package % has the manifest %, given was %: its files were altered, or it is another package',
            package_id, kept, require_package.manifest_sha256 using errcode = '22023';
    end if;
end
$$;

create or replace function regulatory.validate_package(package_id bigint, manifest_sha256 text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform regulatory.require_package(package_id, manifest_sha256);
    update regulatory.packages set state = 'validated' where packages.package_id = validate_package.package_id;
end
$$;

create or replace function regulatory.approve_package(package_id bigint, manifest_sha256 text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform regulatory.require_package(package_id, manifest_sha256);
    update regulatory.packages set state = 'approved' where packages.package_id = approve_package.package_id;
end
$$;

create or replace function regulatory.file_package(
    package_id bigint, manifest_sha256 text, submission_id text, filed_on date, certifier_name text, certifier_title text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform regulatory.require_package(package_id, manifest_sha256);
    update regulatory.packages
    set state = 'filed', submission_id = file_package.submission_id, filed_on = file_package.filed_on,
        certifier_name = file_package.certifier_name, certifier_title = file_package.certifier_title
    where packages.package_id = file_package.package_id;
end
$$;

-- A filed package gives way to a later number; the reason is kept.
create or replace function regulatory.supersede_package(package_id bigint, reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update regulatory.packages set state = 'superseded', superseded_reason = reason
    where packages.package_id = supersede_package.package_id;
    if not found then
        raise exception 'there is no package %', package_id using errcode = 'P0002';
    end if;
end
$$;

create or replace function regulatory.acknowledge_warning(package_id bigint, finding_number integer, explanation text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from regulatory.packages where packages.package_id = acknowledge_warning.package_id) then
        raise exception 'there is no package %', package_id using errcode = 'P0002';
    end if;
    insert into regulatory.acknowledgements (package_id, finding_number, explanation)
    values (acknowledge_warning.package_id, acknowledge_warning.finding_number, acknowledge_warning.explanation);
end
$$;

-- What a person read or did at the desk, beside the steps, which the audit log has: in his own name, into the access log.
create or replace function regulatory.record_access(what text, reason text, rows_read bigint) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into audit.access_log (what, reason, rows_read)
    values (left('filings: ' || record_access.what, 500), left(record_access.reason, 500), record_access.rows_read)
$$;
