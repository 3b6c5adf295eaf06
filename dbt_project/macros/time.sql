{# The instant of every "now". #}
{% macro as_of() -%}
    {%- if execute and not var('as_of') -%}
        {{ exceptions.raise_compiler_error("var as_of is not set; pass --vars '{as_of: 2026-11-01T05:00:00Z}'") }}
    {%- endif -%}
    '{{ var("as_of") or "infinity" }}'::timestamptz
{%- endmacro %}

{# The local day that holds an instant. #}
{% macro local_day(instant, time_zone) -%} ({{ instant }} at time zone {{ time_zone }})::date {%- endmacro %}

{# The instant at which a local day begins. #}
{% macro day_start(day, time_zone) -%} (({{ day }})::timestamp at time zone {{ time_zone }}) {%- endmacro %}

{# The last local day that ended by AS_OF. #}
{% macro last_ended_day(time_zone) -%} (({{ as_of() }} at time zone {{ time_zone }})::date - 1) {%- endmacro %}

{# AS_OF's own local day: that of the last instant before it, so that an AS_OF at midnight closes a day. #}
{% macro as_of_day(time_zone) -%}
    (({{ as_of() }} - interval '1 microsecond') at time zone {{ time_zone }})::date
{%- endmacro %}

{# Whether a version holds at an instant. #}
{% macro holds_at(version, instant) -%}
    {{ version }}.valid_from <= {{ instant }} and {{ instant }} < {{ version }}.valid_to
{%- endmacro %}

{# How long after its newest event a feed is overdue. #}
{% macro overdue_after(feed) -%}
    {%- set seconds = graph.sources['source.' ~ project_name ~ '.raw.' ~ feed].config.meta.overdue_after_seconds if execute else 0 -%}
    interval '{{ seconds }} seconds'
{%- endmacro %}
