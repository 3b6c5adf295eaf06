-- Schema `regulatory`: packages, the warnings that were acknowledged, the status of each filing.
-- Not here: what a package holds (orchestration/regulatory), the rows behind it (dbt's models), the steps (states.sql).
-- Run as the keeper, whom nobody may become; every statement may be run again.

comment on schema regulatory is 'Rows behind every filing, packages and their states; see docs/filing_desk.md.';

create table if not exists regulatory.packages (
    package_id bigint generated always as identity primary key,
    report_type text not null check (report_type <> ''),
    provider_id uuid not null,
    period_start date not null,
    period_end date not null,
    package_number integer not null check (package_number > 0),
    state text not null default 'draft' check (state in ('draft', 'validated', 'approved', 'filed', 'superseded')),
    compliance_status text not null check (compliance_status in ('ready', 'ready_with_warnings', 'incomplete')),
    folder text not null unique,
    manifest jsonb not null,
    manifest_sha256 text not null check (manifest_sha256 ~ '^[0-9a-f]{{64}}$'),
    validation jsonb not null,
    reconciliation jsonb not null,
    difference jsonb,
    report_data jsonb not null default '{{}}',
    code_version text not null,
    generated_at timestamptz not null default clock_timestamp(),
    generated_by text not null default session_user,
    validated_at timestamptz,
    validated_by text,
    approved_at timestamptz,
    approved_by text,
    filed_at timestamptz,
    filed_by text,
    filed_on date,
    submission_id text,
    certifier_name text,
    certifier_title text,
    superseded_at timestamptz,
    superseded_by text,
    superseded_reason text,
    unique (report_type, provider_id, period_end, package_number),
    check (period_start <= period_end),
    check (num_nulls(validated_at, validated_by) in (0, 2) and num_nulls(approved_at, approved_by) in (0, 2)),
    check (approved_by <> validated_by and (approved_by is null or validated_by is not null)),
    check (num_nulls(filed_at, filed_by, filed_on, submission_id, certifier_name, certifier_title) in (0, 6)),
    check (filed_at is null or approved_at is not null),
    check (num_nulls(superseded_at, superseded_by, superseded_reason) = case state when 'superseded' then 0 else 3 end)
);
comment on table regulatory.packages is 'One row per package of files that was generated; rows are only added, states only go forward.';
comment on column regulatory.packages.state is 'draft, validated, approved, filed; superseded by a later number.';
comment on column regulatory.packages.compliance_status is
    'Of the content: ready, ready_with_warnings, or incomplete (errors, or no data).';
comment on column regulatory.packages.folder is 'Where its files lie, relative to EXPORTS_DIR.';
comment on column regulatory.packages.manifest is 'manifest.json: what is filed, and of each file its bytes, rows and SHA-256.';
comment on column regulatory.packages.manifest_sha256 is 'SHA-256 of manifest.json as it lies in the folder.';
comment on column regulatory.packages.validation is
    'Findings: finding_number, level (error or warning), file, row, column, message.';
comment on column regulatory.packages.reconciliation is
    'Per file: connections in service, in the file, left out by reason, and the residual, which is 0.';
comment on column regulatory.packages.difference is 'What is added, gone and changed against the package before.';
comment on column regulatory.packages.validated_by is 'Login (session_user) of who validated it.';
comment on column regulatory.packages.approved_by is 'Login (session_user) of who approved it: never the one who validated.';
comment on column regulatory.packages.filed_on is 'Day of the submission to the regulator.';

create table if not exists regulatory.acknowledgements (
    acknowledgement_id bigint generated always as identity primary key,
    package_id bigint not null references regulatory.packages,
    provider_id uuid not null,
    finding_number integer not null,
    explanation text not null check (explanation ~ '\S' and length(explanation) <= 4000),
    acknowledged_at timestamptz not null default clock_timestamp(),
    acknowledged_by text not null default session_user
);
create index if not exists acknowledgements_finding on regulatory.acknowledgements (package_id, finding_number);
comment on table regulatory.acknowledgements is
    'One row per text that acknowledges a warning of a package; of several for one warning the newest counts.';

create table if not exists regulatory.filing_status (
    report_type text not null,
    provider_id uuid not null,
    period_start date not null,
    period_end date not null,
    report_data jsonb not null,
    compliance_status text not null,
    submission_deadline date,
    required_filings jsonb not null,
    validation_errors jsonb not null,
    package_id bigint not null references regulatory.packages,
    state text not null,
    filed_package_id bigint references regulatory.packages,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (report_type, provider_id, period_start, period_end)
);
comment on table regulatory.filing_status is 'One row per report type, provider and period: its newest package, and the one that is filed.';
comment on column regulatory.filing_status.validation_errors is 'Findings of level error of the newest package.';
