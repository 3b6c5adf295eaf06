{# The windows of touched UTC days that the orchestrator passed for a feed: "all", or [[from, to), …]. #}
{% macro windows_of(feed) -%}
    {%- set windows = var('windows', {}) -%}
    {%- if execute and feed not in windows -%}
        {{ exceptions.raise_compiler_error(
            "var windows has no entry for " ~ feed ~ ": expected \"all\" or a list of [from, to) days, "
            ~ "for example --vars '{windows: {" ~ feed ~ ": all}}'"
        ) }}
    {%- endif -%}
    {{ return(windows[feed] if execute else 'all') }}
{%- endmacro %}

{# Rows whose local day, which begins at `day_start_at`, overlaps a touched UTC day. A local day lasts under 25 hours and
   none that is longer than 24 begins in the last hour of a UTC day, so 24 hours back is exact. #}
{% macro local_day_is_touched(feed, day_start_at) -%}
    {%- set windows = windows_of(feed) -%}
    {%- if windows == 'all' -%} true
    {%- else -%}
    (false
        {%- for from_day, to_day in windows %}
        or ({{ day_start_at }} > '{{ from_day }}T00:00Z'::timestamptz - interval '24 hours'
            and {{ day_start_at }} < '{{ to_day }}T00:00Z'::timestamptz)
        {%- endfor %})
    {%- endif -%}
{%- endmacro %}

{# Rows whose UTC hour lies in a touched UTC day. #}
{% macro utc_day_is_touched(feed, hour_at) -%}
    {%- set windows = windows_of(feed) -%}
    {%- if windows == 'all' -%} true
    {%- else -%}
    (false
        {%- for from_day, to_day in windows %}
        or ({{ hour_at }} >= '{{ from_day }}T00:00Z'::timestamptz and {{ hour_at }} < '{{ to_day }}T00:00Z'::timestamptz)
        {%- endfor %})
    {%- endif -%}
{%- endmacro %}

{# Rows that could belong to a touched local day, by their time: lets PostgreSQL pass over whole partitions. #}
{% macro time_is_near(feed, event_at) -%}
    {%- set windows = windows_of(feed) -%}
    {%- if windows == 'all' -%} true
    {%- else -%}
    (false
        {%- for from_day, to_day in windows %}
        or ({{ event_at }} >= '{{ from_day }}T00:00Z'::timestamptz - interval '25 hours'
            and {{ event_at }} < '{{ to_day }}T00:00Z'::timestamptz + interval '25 hours')
        {%- endfor %})
    {%- endif -%}
{%- endmacro %}
