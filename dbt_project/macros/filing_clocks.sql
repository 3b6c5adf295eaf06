{# What a clock came to: not_required without a clock; suspended_dirs under a DIRS event; met or missed; pending while the
   time is not over at AS_OF. #}
{% macro clock_verdict(due, done) -%}
    case
        when {{ due }} is null then 'not_required'
        when is_dirs_active then 'suspended_dirs'
        when {{ done }} <= {{ due }} then 'met'
        when {{ done }} is not null or {{ due }} <= {{ as_of() }} then 'missed'
        else 'pending'
    end
{%- endmacro %}
