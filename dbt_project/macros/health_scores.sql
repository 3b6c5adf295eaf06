{# The points of a component that is measured as a share of its best. #}
{% macro full_points(dashboard, component) -%}
    (select weight.points from {{ ref('health_score_points') }} as weight
     where weight.dashboard = '{{ dashboard }}' and weight.component = '{{ component }}')
{%- endmacro %}

{# The points of the best step whose threshold the value meets; the step without threshold is met by anything, and null. #}
{% macro step_points(dashboard, component, value, comparison) -%}
    (select max(step.points) from {{ ref('health_score_points') }} as step
     where step.dashboard = '{{ dashboard }}' and step.component = '{{ component }}'
        and (step.threshold is null or {{ value }} {{ comparison }} step.threshold))
{%- endmacro %}
