{# Several columns together are unique and never null. #}
{% test primary_key(model, columns) %}
select {{ columns | join(', ') }}, count(*) as rows_found
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or bool_or({% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %})
{% endtest %}

{# A condition that every row meets. #}
{% test holds(model, condition) %}
select * from {{ model }} where not coalesce({{ condition }}, false)
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
