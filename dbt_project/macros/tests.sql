{# What a generic test reads. Of a fact that is replaced by windows: the rows of the windows that were just built; those of
   other days passed when they were built, or their days are still due. Of a model that settles: what no test has passed
   since it was built, but for sums by service; of its keys, which are unique in the whole table, primary_key sees to it. #}
{% macro get_where_subquery(relation) -%}
    {%- set tested = graph.nodes.get(model.attached_node) if execute else none -%}
    {%- set window = tested.config.window if tested else none -%}
    {%- set windows = var('windows', {}).get(window.feed, 'all') if window is mapping else 'all' -%}
    {%- set of_whole_table = model.test_metadata.name in ('primary_key', 'default_partition_is_empty', 'earned_is_billed') -%}
    {%- if tested and (tested.config.settles or {}).period and not of_whole_table -%}
        {{ return("(select * from " ~ relation ~ " as built where " ~ is_untested(tested) ~ ") as untested") }}
    {%- elif windows == 'all' or not windows or model.test_metadata.name == 'default_partition_is_empty' -%}
        {{ return(default__get_where_subquery(relation)) }}
    {%- endif -%}
    {{ return("(select * from " ~ relation ~ " as old where " ~ rows_of_window(window, windows, tested.config.partition_by.fields)
        ~ ") as windowed") }}
{%- endmacro %}

{# SQL: no run of all tests has passed the row, of a model that settles periods. #}
{% macro is_untested(tested) -%}
    {{ return(tested.config.settles.period ~ " >= coalesce((select untested_from from quality.model_builds where model = "
        ~ literal(tested.name) ~ "), '-infinity')") }}
{%- endmacro %}

{# Several columns together are unique and never null. Of a table whose primary key they are nothing is counted: the
   database itself refuses what would break it. Of a model that settles only keys of untested rows are counted, wherever
   they are. #}
{% test primary_key(model, columns) %}
select {{ columns | join(', ') }}, count(*) as rows_found
from {{ keys_to_count(model, columns) }}
{%- if not (model | string).startswith('(') %}
where not exists (
    select 1
    from pg_constraint
    cross join lateral (
        select array_agg(attname::text) as names from pg_attribute where attrelid = conrelid and attnum = any(conkey)
    ) as key
    where conrelid = to_regclass({{ literal(model) }}) and contype = 'p' and convalidated
        and names @> {{ text_array(columns) }} and names <@ {{ text_array(columns) }}
)
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1 or bool_or({% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %})
{% endtest %}

{% macro keys_to_count(relation, columns) -%}
    {%- set tested = graph.nodes.get(model.attached_node) if execute else none -%}
    {%- if not tested or not (tested.config.settles or {}).period -%} {{ return(relation) }} {%- endif -%}
    {%- set key = columns | join(', ') %}
(
    select {{ key }} from {{ relation }} where {{ is_untested(tested) }}
    union all
    select {{ key }} from {{ relation }}
    where ({{ is_untested(tested) }}) is not true
        and ({{ key }}) in (select {{ key }} from {{ relation }} where {{ is_untested(tested) }})
) as to_count
{%- endmacro %}

{# A condition that every row meets. #}
{% test holds(model, condition) %}
select * from {{ model }} where not coalesce({{ condition }}, false)
{% endtest %}

{# A condition that one row meets, and no other. #}
{% test exactly_one(model, condition) %}
select count(*) as rows_found from {{ model }} where {{ condition }} having count(*) <> 1
{% endtest %}

{# The intervals [valid_from, valid_to) of one entity never overlap. #}
{% test no_overlapping_spans(model, entity) %}
select *
from (
    select {{ entity }}, valid_from, valid_to, lag(valid_to) over (partition by {{ entity }} order by valid_from) as earlier_to
    from {{ model }}
) as spans
where valid_from < earlier_to or valid_to <= valid_from
{% endtest %}
