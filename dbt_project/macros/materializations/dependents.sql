{# Changes that break (a column gone or of another type), and what stands in their way.

   They stop the build and name the views. With --vars '{allow_breaking_changes: [model]}' (or all) the views on the changed
   columns are taken away, the change is made, and they come back with owner, grants, options and comments, the table's
   policies with them: all of it in one transaction, or none. A view that uses what is gone cannot come back, which is an
   error; only views of this project are left to their own models, which follow in the same run. #}

{% macro is_breaking_allowed() -%}
    {%- set allowed = var('allow_breaking_changes', []) -%}
    {{ return(allowed == 'all' or model.name in allowed) }}
{%- endmacro %}

{# SQL: the views that stand on a relation (or on some of its columns), directly or not, with their distance. #}
{% macro dependents_query(relation, columns=[]) -%}
    with recursive dependent as (
        select rewrite.ev_class as oid, 1 as depth
        from pg_depend as link
        inner join pg_rewrite as rewrite on rewrite.oid = link.objid and link.classid = 'pg_rewrite'::regclass
        where link.refclassid = 'pg_class'::regclass and link.refobjid = {{ regclass(relation) }}
            and rewrite.ev_class <> link.refobjid
            {%- if columns %}
            and link.refobjsubid in (
                select attnum from pg_attribute where attrelid = link.refobjid and attname in (
                    {%- for column in columns -%} {{ literal(column.name) }}{{ ', ' if not loop.last }} {%- endfor -%}
                )
            )
            {%- endif %}
        union
        select rewrite.ev_class, dependent.depth + 1
        from dependent
        inner join pg_depend as link on link.refobjid = dependent.oid and link.refclassid = 'pg_class'::regclass
        inner join pg_rewrite as rewrite on rewrite.oid = link.objid and link.classid = 'pg_rewrite'::regclass
        where rewrite.ev_class <> dependent.oid
    )
    select oid, max(depth) as depth from dependent group by oid
{%- endmacro %}

{# The names of what stands on a relation: views, and functions that use its row. #}
{% macro dependents_of(relation, columns=[]) -%}
    {{ return(query_rows(
        "select oid::regclass::text from (" ~ dependents_query(relation, columns) ~ ") as found order by depth, 1"
    ) | map(attribute=0) | list) }}
{%- endmacro %}

{# A table's columns that are gone or of another type: refused, or made together with `statements`. #}
{% macro change_with_dependents(relation, difference, statements) -%}
    {%- set broken = difference.gone + difference.retyped -%}
    {%- do refuse_unless_allowed(relation, difference, dependents_of(relation, broken)) -%}
    {%- set changes = [] -%}
    {%- for column in broken -%}
        {%- do changes.append("alter table " ~ relation ~ " drop column " ~ column.quoted) -%}
    {%- endfor -%}
    {%- for column in difference.retyped -%}
        {%- do changes.append("alter table " ~ relation ~ " add column " ~ column.quoted ~ " " ~ column.type) -%}
    {%- endfor -%}
    {%- do short_transaction(
        [save_and_drop(relation, broken)] + statements + changes + [restore_saved(relation)], [relation]
    ) -%}
{%- endmacro %}

{% macro replace_view_with_dependents(relation, difference, create) -%}
    {%- set dependents = dependents_of(relation) -%}
    {%- if dependents -%} {%- do refuse_unless_allowed(relation, difference, dependents) -%} {%- endif -%}
    {%- do short_transaction([
        save_and_drop(relation, [], with_itself=True), "drop view " ~ relation, create, restore_saved(relation)
    ]) -%}
{%- endmacro %}

{% macro refuse_unless_allowed(relation, difference, dependents) -%}
    {%- if not is_breaking_allowed() -%}
        {{ exceptions.raise_compiler_error(
            "A breaking change of " ~ relation ~ ": "
            ~ ("gone: " ~ difference.gone | map(attribute='name') | join(', ') ~ "; " if difference.gone else "")
            ~ ("other type: " ~ difference.retyped | map(attribute='name') | join(', ') ~ "; " if difference.retyped else "")
            ~ "views in its way: " ~ (dependents | join(', ') or "none")
            ~ ". To go on, saving and restoring them: --vars '{allow_breaking_changes: [" ~ model.name ~ "]}'"
        ) }}
    {%- endif -%}
{%- endmacro %}

{# PL/pgSQL: remembers the dependents as the statements that make them again, and drops them, the farthest first. #}
{% macro save_and_drop(relation, columns, with_itself=False) -%}
            drop table if exists pg_temp.saved_dependents;
            create temporary table saved_dependents on commit drop as
            select
                dependent.oid::regclass::text as name, dependent.depth,
                case relkind when 'm' then 'materialized view' else 'view' end as kind,
                array[format(
                    'create %s %s%s as %s', case relkind when 'm' then 'materialized view' else 'view' end,
                    dependent.oid::regclass, ' with (' || array_to_string(reloptions, ', ') || ')',
                    rtrim(pg_get_viewdef(dependent.oid), ';')
                ), format('alter table %s owner to %I', dependent.oid::regclass, pg_get_userbyid(relowner))]
                || {{ saved_grants_and_comments('dependent.oid') }}
                || array(
                    select pg_get_indexdef(indexrelid) from pg_index where indrelid = dependent.oid order by indexrelid
                ) as statements
            from ({{ dependents_query(relation, columns) }}) as dependent
            inner join pg_class on pg_class.oid = dependent.oid;
            {%- if with_itself %}
            insert into saved_dependents
            select null, 0, null, {{ saved_grants_and_comments(regclass(relation)) }};
            {%- elif columns %}
            insert into saved_dependents
            select null, 0, null, array(
                select format(
                    'create policy %I on {{ relation.include(database=False) }} as %s for %s to %s%s%s', polname,
                    case when polpermissive then 'permissive' else 'restrictive' end,
                    case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                        when 'd' then 'delete' else 'all' end,
                    (select string_agg(case role when 0 then 'public' else role::regrole::text end, ', ')
                     from unnest(polroles) as role),
                    ' using (' || pg_get_expr(polqual, polrelid) || ')',
                    ' with check (' || pg_get_expr(polwithcheck, polrelid) || ')'
                )
                from pg_policy where polrelid = {{ regclass(relation) }}
            ) || array(
                select format('grant %s (%I) on {{ relation.include(database=False) }} to %s', privilege_type, attname,
                    case grantee when 0 then 'public' else grantee::regrole::text end)
                from pg_attribute, aclexplode(attacl)
                where attrelid = {{ regclass(relation) }} and attname in (
                    {%- for column in columns -%} {{ literal(column.name) }}{{ ', ' if not loop.last }} {%- endfor -%}
                )
            );
            declare policy name;
            begin
                for policy in select polname from pg_policy where polrelid = {{ regclass(relation) }} loop
                    execute format('drop policy %I on {{ relation.include(database=False) }}', policy);
                end loop;
            end;
            {%- endif %}
            declare dependent record;
            begin
                for dependent in select kind, name from saved_dependents where depth > 0 order by saved_dependents.depth desc loop
                    execute format('drop %s %s', dependent.kind, dependent.name);
                end loop;
            end
{%- endmacro %}

{# SQL: grants and comments of a relation and its columns as an array of statements. #}
{% macro saved_grants_and_comments(oid) -%}
                array(
                    select format('grant %s on %s to %s%s', privilege_type, own.oid::regclass,
                        case grantee when 0 then 'public' else grantee::regrole::text end,
                        case when is_grantable then ' with grant option' else '' end)
                    from pg_class as own, aclexplode(own.relacl) where own.oid = {{ oid }}
                    union all
                    select format('grant %s (%I) on %s to %s', privilege_type, attname, attrelid::regclass,
                        case grantee when 0 then 'public' else grantee::regrole::text end)
                    from pg_attribute, aclexplode(attacl) where attrelid = {{ oid }} and not attisdropped
                    union all
                    select format('comment on view %s is %L', objoid::regclass, description)
                    from pg_description where objoid = {{ oid }} and classoid = 'pg_class'::regclass and objsubid = 0
                    union all
                    select format('comment on column %s.%I is %L', objoid::regclass, attname, description)
                    from pg_description
                    inner join pg_attribute on attrelid = objoid and attnum = objsubid
                    where objoid = {{ oid }} and classoid = 'pg_class'::regclass and objsubid > 0
                )
{%- endmacro %}

{# PL/pgSQL: makes the saved dependents again, the nearest first. #}
{% macro restore_saved(relation) -%}
            declare
                dependent record;
                command text;
            begin
                for dependent in select * from saved_dependents order by depth loop
                    begin
                        foreach command in array dependent.statements loop
                            execute command;
                        end loop;
                    exception when undefined_column or undefined_table or undefined_function or datatype_mismatch then
                        if dependent.depth = 0 or dependent.name not in ({{ own_views() }}) then
                            raise exception 'the change of {{ relation.include(database=False) }} cannot be made: % uses what is gone (%)',
                                coalesce(dependent.name, 'a grant, comment or policy'), sqlerrm
                                using hint = 'Change it or drop it first.';
                        end if;
                    end;
                end loop;
            end
{%- endmacro %}

{# The views that this project builds itself, as PostgreSQL writes their names. #}
{% macro own_views() -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'view' -%}
        {{ literal(node.schema ~ '.' ~ node.alias) }},{{ ' ' }}
    {%- endfor -%} ''
{%- endmacro %}
