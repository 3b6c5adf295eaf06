{# The shape of a table (columns, NOT NULL, constraints): what the model wants, what is there, and getting there in place. #}

{# The columns that identify a row: `unique_key` of the config, else the contract's primary key, else the model's
   `primary_key` test; none if the model says nothing. #}
{% macro table_key() -%}
    {%- if config.get('unique_key') -%}
        {{ return([config.get('unique_key')] if config.get('unique_key') is string else config.get('unique_key')) }}
    {%- endif -%}
    {%- for constraint in model.constraints if constraint.type == 'primary_key' -%}
        {{ return(constraint.columns) }}
    {%- endfor -%}
    {%- for column in model.columns.values() -%}
        {%- for constraint in column.constraints if constraint.type == 'primary_key' -%} {{ return([column.name]) }} {%- endfor -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values()
            if node.resource_type == 'test' and node.attached_node == model.unique_id
            and node.test_metadata and node.test_metadata.name == 'primary_key' -%}
        {{ return(node.test_metadata.kwargs.columns) }}
    {%- endfor -%}
    {{ return([]) }}
{%- endmacro %}

{# The columns of a relation in their order: name, type with its modifiers, whether null is refused. #}
{% macro shape_of(relation) -%}
    {%- set columns = [] -%}
    {%- for row in query_rows(
        "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute where attrelid = "
        ~ regclass(relation) ~ " and attnum > 0 and not attisdropped order by attnum"
    ) -%}
        {%- do columns.append({'name': row[0], 'type': row[1], 'not_null': row[2], 'quoted': adapter.quote(row[0])}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{# The CHECK, UNIQUE and PRIMARY KEY constraints of a table: definition to name and kind. #}
{% macro constraints_of(relation) -%}
    {%- set found = {} -%}
    {%- for row in query_rows(
        "select pg_get_constraintdef(oid), conname, contype::text from pg_constraint where conrelid = "
        ~ regclass(relation) ~ " and contype in ('c', 'p', 'u') order by conname"
    ) -%}
        {%- do found.update({row[0]: {'name': adapter.quote(row[1]), 'kind': row[2]}}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# How two shapes differ: columns added, gone and of another type. #}
{% macro shape_difference(old, new) -%}
    {%- set old_types, new_types = {}, {} -%}
    {%- for column in old -%} {%- do old_types.update({column.name: column.type}) -%} {%- endfor -%}
    {%- for column in new -%} {%- do new_types.update({column.name: column.type}) -%} {%- endfor -%}
    {%- set added, gone, retyped = [], [], [] -%}
    {%- for column in new if column.name not in old_types -%} {%- do added.append(column) -%} {%- endfor -%}
    {%- for column in old if column.name not in new_types -%} {%- do gone.append(column) -%} {%- endfor -%}
    {%- for column in new if column.name in old_types and old_types[column.name] != column.type -%}
        {%- do retyped.append(column) -%}
    {%- endfor -%}
    {{ return({'added': added, 'gone': gone, 'retyped': retyped}) }}
{%- endmacro %}

{# A temporary table with the shape that the model wants (the contract's, else the query's), still empty.
   It has the model's own name, in the session's temporary schema, so that its constraints are named as the table's. #}
{% macro create_aside(relation, sql) -%}
    {%- set aside = api.Relation.create(schema='pg_temp', identifier=relation.identifier, type='table') -%}
    {%- if model.constraints | selectattr('type', 'equalto', 'foreign_key') | list -%}
        {{ exceptions.raise_compiler_error(
            "foreign_key constraints cannot be kept while tables change one after the other: use relationships tests"
        ) }}
    {%- endif -%}
    {%- do execute_sql("drop table if exists " ~ aside) -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
        {%- do execute_sql("create temporary table " ~ aside ~ get_table_columns_and_constraints()) -%}
    {%- else -%}
        {%- do execute_sql("create temporary table " ~ aside ~ " as " ~ get_empty_subquery_sql(sql)) -%}
    {%- endif -%}
    {{ return(aside) }}
{%- endmacro %}

{# Rows that are built aside: the model's, then the key as primary key, which refuses a key that repeats, and statistics. #}
{% macro fill_aside(aside, sql, columns, key=[]) -%}
    {%- do execute_sql(
        (config.get('sql_header') or '') ~ "insert into " ~ aside ~ " (" ~ column_list(columns) ~ ") select "
        ~ column_list(columns) ~ " from (" ~ sql ~ "\n) as model_rows"
    ) -%}
    {%- set has_key = constraints_of(aside).values() | selectattr('kind', 'equalto', 'p') | list -%}
    {%- if key and not has_key -%}
        {%- do execute_sql("alter table " ~ aside ~ " add primary key (" ~ key | join(', ') ~ ")") -%}
    {%- endif -%}
    {#- Whoever joins the rows does so by their key; statistics of wide columns cost more than all the rest. #}
    {%- do execute_sql("analyze " ~ aside ~ (" (" ~ key | join(', ') ~ ")" if key else "")) -%}
{%- endmacro %}

{# Names of columns as SQL lists them. #}
{% macro column_list(columns, prefix='') -%}
    {%- for column in columns -%} {{ prefix }}{{ column.quoted }}{{ ', ' if not loop.last }} {%- endfor -%}
{%- endmacro %}

{# Before the rows: columns that are new are added, what would refuse the new rows is let go. A column that is gone or
   has another type stops the build, unless var allow_breaking_changes names the model (see dependents.sql). #}
{% macro loosen_shape(relation, aside) -%}
    {%- set wanted, present = shape_of(aside), shape_of(relation) -%}
    {%- set difference = shape_difference(present, wanted) -%}
    {%- set statements = [] -%}
    {%- set wanted_constraints = constraints_of(aside) -%}
    {%- for definition, constraint in constraints_of(relation).items() if definition not in wanted_constraints -%}
        {%- do statements.append("alter table " ~ relation ~ " drop constraint " ~ constraint.name) -%}
    {%- endfor -%}
    {%- for column in wanted if not column.not_null -%}
        {%- for old in present if old.name == column.name and old.not_null -%}
            {%- do statements.append("alter table " ~ relation ~ " alter column " ~ column.quoted ~ " drop not null") -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for column in difference.added -%}
        {%- do statements.append("alter table " ~ relation ~ " add column " ~ column.quoted ~ " " ~ column.type) -%}
    {%- endfor -%}
    {%- if difference.gone or difference.retyped -%}
        {%- do change_with_dependents(relation, difference, statements) -%}
    {%- elif statements -%}
        {%- do short_transaction(statements, [relation]) -%}
    {%- endif -%}
{%- endmacro %}

{# After the rows: NOT NULL and constraints that the model wants and the table lacks. What takes long (the scan of the
   rows, the index of a key) is done under a lock that lets readers pass, the rest in a short transaction. #}
{% macro tighten_shape(relation, aside) -%}
    {%- set statements, present = [], {} -%}
    {%- for column in shape_of(relation) -%} {%- do present.update({column.name: column.not_null}) -%} {%- endfor -%}
    {%- for column in shape_of(aside) if column.not_null and not present[column.name] -%}
        {%- set name = adapter.quote(column.name ~ '__is_given') -%}
        {%- do short_transaction([
            "alter table " ~ relation ~ " add constraint " ~ name ~ " check (" ~ column.quoted ~ " is not null) not valid"
        ], [relation]) -%}
        {%- do execute_sql("alter table " ~ relation ~ " validate constraint " ~ name) -%}
        {%- do statements.append("alter table " ~ relation ~ " alter column " ~ column.quoted ~ " set not null") -%}
        {%- do statements.append("alter table " ~ relation ~ " drop constraint " ~ name) -%}
    {%- endfor -%}
    {%- set present_constraints = constraints_of(relation) -%}
    {%- set to_validate = [] -%}
    {%- for definition, constraint in constraints_of(aside).items() if definition not in present_constraints -%}
        {%- set add = "alter table " ~ relation ~ " add constraint " ~ constraint.name ~ " " -%}
        {%- if kind_of(relation) == 'p' -%}
            {%- do statements.append(add ~ definition) -%}
        {%- elif constraint.kind == 'c' -%}
            {%- do statements.append(add ~ definition ~ " not valid") -%}
            {%- do to_validate.append(constraint.name) -%}
        {%- else -%}
            {%- set kind, columns = definition.split(' (', 1) -%}
            {%- do execute_sql("create unique index " ~ constraint.name ~ " on " ~ relation ~ " (" ~ columns) -%}
            {%- do statements.append(add ~ kind ~ " using index " ~ constraint.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if statements -%} {%- do short_transaction(statements, [relation]) -%} {%- endif -%}
    {%- for name in to_validate -%}
        {%- do execute_sql("alter table " ~ relation ~ " validate constraint " ~ name) -%}
    {%- endfor -%}
{%- endmacro %}
