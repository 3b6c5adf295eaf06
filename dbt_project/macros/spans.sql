{# The seconds of a span of time that lie within a multirange; numeric, 0 where nothing does. #}
{% macro seconds_within(ranges, from_at, to_at) -%}
    case
        when {{ ranges }} @> tstzrange({{ from_at }}, {{ to_at }}) then extract(epoch from {{ to_at }} - ({{ from_at }}))
        when {{ ranges }} && tstzrange({{ from_at }}, {{ to_at }}) then (
            select coalesce(sum(extract(epoch from upper(part) - lower(part))), 0)
            from unnest({{ ranges }} * tstzmultirange(tstzrange({{ from_at }}, {{ to_at }}))) as part
        )
        else 0
    end
{%- endmacro %}
