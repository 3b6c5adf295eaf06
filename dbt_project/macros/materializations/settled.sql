{# What need not be computed again: every table says from when its changes matter, and a model with periods (months, days,
   as-of dates) leaves those before the earliest change of what it stands on, and before its last AS_OF, as they are.

   config(effect={'from': 'changed.valid_from', 'dates': ['valid_to'], 'besides': ['is_current']})
       the instant from which a row matters, as SQL over `changed` (and the rows so far, as `this_table`). Where only `dates` (and columns `besides`) of a row
       moved, it matters from the earlier of old and new date. Without `effect` a table's change matters everywhere.
   config(settles={'period': 'month_start_date', 'granularity': 'month', 'margin_days': 45, 'apart_from': [...]})
       rows of a period before settled_before() are neither computed nor compared. `margin_days` is how far a row looks
       ahead; `apart_from` are models whose changes tell a period nothing that others do not. The views on the way compute
       less where they filter by not_settled().

   Without `period` the model itself asks settled_before() and takes over those of its rows that are still true.

   config(only_as_of=true)
       the query says what is at AS_OF only, so the views in it compute nothing of periods that ended before.

   A changed project, reporting zone or currency (var project_fingerprint) and --full-refresh settle nothing. #}

{# Made before anything is built. #}
{% macro create_change_log() -%}
create schema if not exists quality;
create table if not exists quality.model_changes (
    change_id bigint generated always as identity primary key,
    model text not null,
    effect_from timestamptz not null,
    changed_at timestamptz not null default clock_timestamp()
);
create index if not exists model_changes_model on quality.model_changes (model, change_id);
create table if not exists quality.model_builds (
    model text primary key,
    as_of_at timestamptz not null,
    fingerprint text not null,
    last_change_id bigint not null,
    last_touched_id bigint not null,
    built_at timestamptz not null default clock_timestamp()
);
alter table quality.model_builds add column if not exists untested_from date not null default '-infinity';
-- What every model has seen is no more needed; a model that settles nothing any more has nothing to see.
delete from quality.model_builds where model <> all({{ text_array(models_that_settle()) }});
delete from quality.model_changes where change_id <= (select min(last_change_id) from quality.model_builds);
{%- endmacro %}

{% macro models_that_settle() -%}
    {{ return(graph.nodes.values() | selectattr('config.settles') | map(attribute='name') | list if execute else []) }}
{%- endmacro %}

{# The models with tables, and the feeds, that a model stands on, directly or through views. #}
{% macro what_it_stands_on(node, apart_from) -%}
    {%- set found = [] -%}
    {%- for unique_id in node.depends_on.nodes -%}
        {%- set parent = graph.nodes[unique_id] if unique_id in graph.nodes else graph.sources[unique_id] -%}
        {%- if parent.name in apart_from or parent.resource_type == 'seed' -%}
        {%- elif parent.resource_type == 'source' and parent.source_name != 'raw' -%}
            {{ exceptions.raise_compiler_error(
                model.name ~ " settles, but stands on " ~ parent.source_name ~ "." ~ parent.name
                ~ ", of which nobody writes down changes: name it in apart_from, or settle nothing"
            ) }}
        {%- elif parent.resource_type == 'model' and parent.config.materialized == 'view' -%}
            {%- do found.extend(what_it_stands_on(parent, apart_from)) -%}
        {%- else -%}
            {%- do found.append(parent) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The first day of the periods that are computed: everything before it is settled. Of a table that is not there (any more)
   nothing is. #}
{% macro settled_before(kind) -%}
    {%- set settles = config.get('settles') -%}
    {%- if kind is none or not settles or should_full_refresh() or flags.EMPTY -%} {{ return('-infinity') }} {%- endif -%}
    {%- set parents = what_it_stands_on(model, settles.apart_from or []) -%}
    {%- set tables = parents | selectattr('resource_type', 'equalto', 'model') | map(attribute='name') | unique | list -%}
    {%- set feeds = parents | selectattr('resource_type', 'equalto', 'source') | map(attribute='name') | unique | list -%}
    {{ return(query_value(
        "select date_trunc('" ~ settles.granularity | default('day') ~ "', coalesce((select least(as_of_at, " ~ as_of()
        ~ ", (select min(effect_from) from quality.model_changes where model = any(" ~ text_array(tables)
        ~ ") and change_id > last_change_id), (select min(day)::timestamptz from raw.touched_days where feed = any("
        ~ text_array(feeds) ~ ") and touched_id > last_touched_id), (select '-infinity'::timestamptz from raw.load_ledger"
        ~ " where feed = any(" ~ text_array(feeds) ~ ") and loaded_at > built_at and not exists (select from"
        ~ " raw.touched_days where touched_days.feed = load_ledger.feed) limit 1)) from quality.model_builds where model = "
        ~ literal(model.name) ~ " and fingerprint = " ~ literal(build_fingerprint())
        ~ ")::date, '-infinity'::date) - " ~ settles.margin_days ~ ")::date::text"
    )) }}
{%- endmacro %}

{# SQL: the same day inside views, for the model that is being built; -infinity everywhere else. #}
{% macro settled_day() -%} coalesce(nullif(current_setting('warehouse.settled_before', true), ''), '-infinity')::date {%- endmacro %}

{# SQL: whether a period is among those that the model which is being built computes, or up to `days_before` before them.
   The column stands alone on its side, so that PostgreSQL passes over whole partitions. #}
{% macro not_settled(period, days_before=0) -%}
    {{ period }} >= {{ settled_day() }}{{ ' - ' ~ days_before if days_before }}
{%- endmacro %}

{% macro build_fingerprint() -%}
    {{ return([var('project_fingerprint', ''), var('reporting_time_zone'), var('reporting_currency')] | join(' ')) }}
{%- endmacro %}

{% macro text_array(names) -%}
    array[{% for name in names %}{{ literal(name) }}{{ ', ' if not loop.last }}{% endfor %}]::text[]
{%- endmacro %}

{# The newest change and touched day so far: read before a model's rows are. #}
{% macro newest_changes() -%}
    {{ return(query_rows(
        "select (select coalesce(max(change_id), 0) from quality.model_changes),"
        ~ " (select coalesce(max(touched_id), 0) from raw.touched_days)"
    )[0] if config.get('settles') else none) }}
{%- endmacro %}

{# The condition on `alias` that a row's period is not settled. #}
{% macro is_open(alias, open_from) -%}
    {%- set settles = config.get('settles') or {} -%}
    {{ return(alias ~ "." ~ settles.period ~ " >= '" ~ open_from ~ "'::date" if settles.period else dates_in_hand(alias)) }}
{%- endmacro %}

{% macro set_settled_day(day) -%} select set_config('warehouse.settled_before', {{ day }}, true) {%- endmacro %}

{# The model's query without the rows that are settled; the views in it learn of them until the transaction's end. #}
{% macro open_rows_of(sql, open_from) -%}
    {%- if config.get('only_as_of') -%}
        {%- do execute_sql(set_settled_day("(" ~ as_of() ~ " - interval '1 day')::date::text")) -%}
    {%- endif -%}
    {%- if not (config.get('settles') or {}).period -%} {{ return(sql) }} {%- endif -%}
    {%- do execute_sql(set_settled_day(literal(open_from))) -%}
    {{ return('select * from (' ~ sql ~ '\n) as model_rows where ' ~ is_open('model_rows', open_from)) }}
{%- endmacro %}

{# To be called when the rows are there, which are untested until remember_tests. #}
{% macro remember_build(newest, open_from) -%}
    {%- if newest is not none and not flags.EMPTY -%}
        {%- do execute_sql(
            "insert into quality.model_builds as kept (model, as_of_at, fingerprint, last_change_id, last_touched_id, untested_from)"
            ~ " values (" ~ [literal(model.name), as_of(), literal(build_fingerprint()), newest[0], newest[1], literal(open_from)] | join(', ')
            ~ ") on conflict (model) do update set as_of_at = excluded.as_of_at, fingerprint = excluded.fingerprint,"
            ~ " last_change_id = excluded.last_change_id, last_touched_id = excluded.last_touched_id, built_at = default,"
            ~ " untested_from = least(kept.untested_from, excluded.untested_from)"
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# At the end of dbt's run: a model of which every test passed is tested. One failure, or a test that did not run, leaves
   its rows untested, so that the next tests read them again. #}
{% macro remember_tests(results) -%}
    {%- set passed = (results if execute else []) | selectattr('status', 'equalto', 'pass') | map(attribute='node.unique_id') | list -%}
    {%- set tested = [] -%}
    {%- for name in models_that_settle() -%}
        {%- set tests = graph.nodes.values() | selectattr('resource_type', 'equalto', 'test')
            | selectattr('attached_node', 'equalto', 'model.' ~ project_name ~ '.' ~ name) | map(attribute='unique_id') | list -%}
        {%- if tests and not tests | reject('in', passed) | list -%} {%- do tested.append(name) -%} {%- endif -%}
    {%- endfor -%}
    {%- if tested and not flags.EMPTY %}
update quality.model_builds set untested_from = 'infinity' where model = any({{ text_array(tested) }});
    {%- endif -%}
{%- endmacro %}

{# Writes down from when a change of this model matters. #}
{% macro record_change(effect_from) -%}
    {%- do execute_sql(
        "insert into quality.model_changes (model, effect_from) values (" ~ literal(model.name) ~ ", " ~ effect_from ~ ")"
    ) -%}
{%- endmacro %}

{# SQL: from when the change of a row from `old` to `new` matters; a row without partner has a null key there. #}
{% macro effect_of_change(columns, key) -%}
    {%- set effect = config.get('effect') -%}
    {%- if not effect -%} {{ return("'-infinity'::timestamptz") }} {%- endif -%}
    {%- set since = effect.from | replace('this_table', this) -%}
    {%- set before, after = since | replace('changed.', 'old.'), since | replace('changed.', 'new.') -%}
    {%- set dates = effect.dates or [] -%}
    {%- set others = columns | rejectattr('name', 'in', dates + (effect.besides or [])) | list -%}
    {%- set moved -%}
        {%- for name in dates -%}
        case when old.{{ name }} is distinct from new.{{ name }} then least(old.{{ name }}::timestamptz, new.{{ name }}::timestamptz) end{{ ', ' if not loop.last }}
        {%- endfor -%}
    {%- endset -%}
    {%- set whole = "least((" ~ before ~ ")::timestamptz, (" ~ after ~ ")::timestamptz)" -%}
    {{ return(
        whole if not dates else "case when old." ~ key[0] ~ " is not null and new." ~ key[0] ~ " is not null and row("
        ~ column_list(others, 'old.') ~ ")::record *= row(" ~ column_list(others, 'new.') ~ ")::record then coalesce(least("
        ~ moved ~ "), " ~ whole ~ ") else " ~ whole ~ " end"
    ) }}
{%- endmacro %}
