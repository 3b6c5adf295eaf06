{# How the materializations talk to the database: statements, locks, and short transactions that never make a reader wait. #}

{# Runs a statement in the open transaction (dbt opens one if there is none) and returns the number of its rows. #}
{% macro execute_sql(sql) -%}
    {%- call statement('execute_sql', auto_begin=True) -%} {{ sql }} {%- endcall -%}
    {{ return(load_result('execute_sql').response.rows_affected) }}
{%- endmacro %}

{# Ends the open transaction and begins the next. (After the COMMIT that dbt sends, psycopg2 believes that its transaction
   goes on and begins none: every later statement would be a transaction of its own.) #}
{% macro commit_transaction() -%}
    {%- do execute_sql('commit; begin') -%}
{%- endmacro %}

{# The rows of a query in the open transaction. #}
{% macro query_rows(sql) -%}
    {%- call statement('query_rows', fetch_result=True, auto_begin=True) -%} {{ sql }} {%- endcall -%}
    {{ return(load_result('query_rows').table.rows) }}
{%- endmacro %}

{# The one value of a query. #}
{% macro query_value(sql) -%} {{ return(query_rows(sql)[0][0]) }} {%- endmacro %}

{# Text as a literal of SQL. #}
{% macro literal(text) -%} '{{ text | string | replace("'", "''") }}' {%- endmacro %}

{# A relation as a literal that PostgreSQL resolves: 'core.dim_customer'::regclass. #}
{% macro regclass(relation) -%} {{ literal(relation.include(database=False)) }}::regclass {%- endmacro %}

{# What kind of relation has this name: 'r' (table), 'p' (partitioned), 'v' (view) and so on; none if there is none. #}
{% macro kind_of(relation) -%}
    {%- set kinds = query_rows(
        "select relkind::text from pg_class where oid = to_regclass(" ~ literal(relation.include(database=False)) ~ ")"
    ) -%}
    {{ return(kinds[0][0] if kinds else none) }}
{%- endmacro %}

{# One build of a model at a time, whoever runs it: the next one waits, at most ten minutes. Held until unlock_model or,
   if the build fails, the end of dbt's session. #}
{% macro lock_model(relation) -%}
    {%- do execute_sql(
        "select set_config('lock_timeout', '10min', true), set_config('warehouse.run_id', " ~ literal(run_id()) ~ ", false)"
    ) -%}
    {%- do execute_sql("select pg_advisory_lock(hashtextextended('dbt ' || " ~ literal(relation.include(database=False)) ~ ", 0))") -%}
    {%- do commit_transaction() -%}
{%- endmacro %}

{% macro unlock_model(relation) -%}
    {%- do execute_sql("select pg_advisory_unlock(hashtextextended('dbt ' || " ~ literal(relation.include(database=False)) ~ ", 0))") -%}
{%- endmacro %}

{# Statements that lock readers out, in a transaction of their own: each lock is waited for at most 50 ms (what has
   no other way, with one lock only: 100 ms; whoever comes after us waits as long), then everything is let go, and after a
   pause tried again. Jinja has no try, hence PL/pgSQL. `locks` are taken first, in their order: a leaf before its
   parent, which harms nobody where someone reads that leaf itself; every second time the parent first, since readers who
   keep coming hold the parent while they wait for the leaf. Returns the number of tries, or 0 if all failed
   (or, at once, if something depends on what would be dropped) and `is_required` is not set; else that is an error, which
   names who was in the way. #}
{% macro short_transaction(statements, locks=[], tries=600, is_required=True) -%}
    {%- do commit_transaction() -%}
    {%- set block -%}
do $short$
declare
    tries integer := 0;
begin
    perform set_config('lock_timeout', '{{ 100 if is_required else 50 }}ms', true);
    loop
        tries := tries + 1;
        begin
            {%- if locks | length > 1 %}
            if tries % 2 = 0 then
                lock table only {{ locks[-1].include(database=False) }} in access exclusive mode;
                perform set_config('lock_timeout', '25ms', true);
            end if;
            {%- endif %}
            {%- for relation in locks %}
            lock table only {{ relation.include(database=False) }} in access exclusive mode;
            {%- endfor %}
            {%- for statement in statements %}
            {{ statement }};
            {%- endfor %}
            exit;
        exception
            {%- if not is_required %}
            when dependent_objects_still_exist then
                tries := 0;
                exit;
            {%- endif %}
            when lock_not_available or deadlock_detected then
                if tries >= {{ tries }} then
                    tries := 0;
                    exit;
                end if;
        end;
        perform pg_sleep(0.1 + random() * 0.2);
    end loop;
    perform set_config('warehouse.tries', tries::text, false);
end
$short$
    {%- endset -%}
    {%- do execute_sql(block) -%}
    {%- do commit_transaction() -%}
    {%- set needed = query_value("select current_setting('warehouse.tries')::integer") -%}
    {%- if is_required and needed == 0 -%}
        {{ exceptions.raise_compiler_error(
            "No lock in " ~ tries ~ " tries; in the way: " ~ who_holds(locks) ~ ". To be done: " ~ statements | join('; ')
        ) }}
    {%- endif -%}
    {{ return(needed) }}
{%- endmacro %}

{# Sessions that hold a lock on one of the relations. #}
{% macro who_holds(relations) -%}
    {%- if not relations -%} {{ return('unknown') }} {%- endif -%}
    {%- set found = query_rows(
        "select distinct pid || ' (' || coalesce(usename, '') || ', ' || coalesce(application_name, '') || ')'"
        " from pg_locks join pg_stat_activity using (pid) where granted and pid <> pg_backend_pid() and relation in ("
        ~ lock_list(relations) ~ ")"
    ) -%}
    {{ return(found | map(attribute=0) | join(', ') or 'nobody any more') }}
{%- endmacro %}

{% macro lock_list(relations) -%}
    {%- for relation in relations -%} {{ regclass(relation) }}{{ ', ' if not loop.last }} {%- endfor -%}
{%- endmacro %}
