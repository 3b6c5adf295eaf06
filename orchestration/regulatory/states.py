"""The tables and rules of filings as one script for the keeper, with who may read and who may act by roles.yml.

Not here: what a package holds; reading its files (package_files).
"""

from __future__ import annotations

from pathlib import Path

from orchestration.access.rules import Role, Rules

_HERE = Path(__file__).parent
_FILES = ("packages.sql", "states.sql", "steps.sql")
# What the keeper owns, and what a person of a filing role may write there; each step's own rules are triggers.
TABLES = ("packages", "acknowledgements", "filing_status")
_STEP_COLUMNS = "state, submission_id, filed_on, certifier_name, certifier_title, superseded_reason"
_SAID_COLUMNS = "package_id, finding_number, explanation"
_PACKAGE_COLUMNS = (
    "report_type, provider_id, period_start, period_end, manifest, manifest_sha256, validation, reconciliation,"
    " difference, compliance_status, folder, code_version, report_data"
)
_PEOPLES_FUNCTIONS = (
    "may_file()", "require_filer(text)", "require_package(bigint, text)", "open_warnings(bigint)",
    "validate_package(bigint, text)", "approve_package(bigint, text)",
    "file_package(bigint, text, text, date, text, text)", "supersede_package(bigint, text)",
    "acknowledge_warning(bigint, integer, text)", "record_access(text, text, bigint)",
)  # fmt: skip
_PIPELINES_FUNCTIONS = (
    "register_package(text, uuid, date, date, jsonb, text, jsonb, jsonb, jsonb, text, text, text, jsonb)",
    "next_package_number(text, uuid, date)",
    "open_warnings(bigint)",
)
# The same words as access.row_condition has.
_CONDITIONS = {
    "all": "true",
    "by_provider": (
        "provider_id = any (array(select scope.provider_id from access.provider_scopes as scope"
        " where scope.login = session_user))"
    ),
}
# Rights that an older script gave and this one does not are taken away first.
_CLEAR = """do $clear$
declare
    command text;
begin
    for command in
        select format('drop policy %I on %s', polname, polrelid::regclass)
        from pg_policy where polrelid::regclass::text = any({tables})
        union all
        select format('revoke all on %s from %s', relation::regclass, grantee::regrole)
        from (
            select oid as relation, relowner, (aclexplode(relacl)).grantee from pg_class
            union
            select attrelid, relowner, (aclexplode(attacl)).grantee
            from pg_attribute inner join pg_class on pg_class.oid = attrelid
        ) as granted
        where relation::regclass::text = any({tables}) and grantee not in (0, relowner)
        union all
        select format(
            'revoke execute on function %s from %s', routine::regprocedure,
            case grantee when 0 then 'public' else grantee::regrole::text end
        )
        from (
            select oid as routine, proowner, pronamespace, acl.grantee
            from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) as acl
        ) as granted
        where pronamespace = 'regulatory'::regnamespace and proowner = current_user::regrole and grantee <> proowner
    loop
        execute command;
    end loop;
end
$clear$;
"""


def _quoted(role: Role) -> str:
    return f'"{role.name}"'


def _policy(table: str, role: Role, command: str, condition: str) -> str:
    clause = {
        "select": f"using ({condition})",
        "update": f"using ({condition}) with check ({condition})",
        "insert": f"with check ({condition})",
    }[command]
    name = role.name if command == "select" else f"{role.name} {command}"
    return f'create policy "{name}" on regulatory.{table} for {command} to {_quoted(role)} {clause};'


def _readers(rules: Rules, table: str) -> list[tuple[Role, str]]:
    """Roles that read the table, each with the condition on its rows."""
    named = {one: name for name, tables in rules.classes.items() for one in tables}
    found = [(role, role.reads.get(named.get(f"regulatory.{table}", ""), "")) for role in rules.roles.values()]
    return [(role, _CONDITIONS[row_filter]) for role, row_filter in found if row_filter in _CONDITIONS]


def _rights(rules: Rules) -> list[str]:
    owner = _quoted(rules.owner)
    lines = [
        f"grant usage, create on schema regulatory to {owner} with grant option;",
        f"grant insert ({_PACKAGE_COLUMNS}) on regulatory.packages to {owner};",
        _policy("packages", rules.owner, "insert", "true"),
        *(f"grant execute on function regulatory.{one} to {owner};" for one in _PIPELINES_FUNCTIONS),
    ]
    for table in TABLES:
        lines.append(f"alter table regulatory.{table} enable row level security;")
        for role, condition in [(rules.owner, "true"), *_readers(rules, table)]:
            lines.append(f"grant usage on schema regulatory to {_quoted(role)};")
            lines.append(f"grant select on regulatory.{table} to {_quoted(role)};")
            lines.append(_policy(table, role, "select", condition))
            if not role.files or table == "filing_status":
                continue
            command, columns = ("update", _STEP_COLUMNS) if table == "packages" else ("insert", _SAID_COLUMNS)
            lines.append(f"grant {command} ({columns}) on regulatory.{table} to {_quoted(role)};")
            lines.append(_policy(table, role, command, condition))
    for role in rules.filers:
        lines += [f"grant execute on function regulatory.{one} to {_quoted(role)};" for one in _PEOPLES_FUNCTIONS]
    return lines


def states_sql(rules: Rules) -> str:
    """What the keeper runs: tables, rules of each step, and rights; may be run again."""
    text = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _FILES)
    names = ", ".join(f"'{role.name}'" for role in rules.filers)
    tables = "array[" + ", ".join(f"'regulatory.{table}'" for table in TABLES) + "]"
    parts = [
        text.format(filer_names=names),
        _CLEAR.format(tables=tables),
        *_rights(rules),
    ]
    return "\n".join(parts)
