{# The id of the member that stands for whatever is not known (yet). #}
{% macro unknown_id() -%} '00000000-0000-0000-0000-000000000000'::uuid {%- endmacro %}

{# The key of one version of an entity: the same after every rebuild. #}
{% macro version_key(id, valid_from) -%}
    md5({{ id }}::text || '|' || extract(epoch from {{ valid_from }})::text)::uuid
{%- endmacro %}

{% macro unknown_key() -%} {{ version_key(unknown_id(), "'-infinity'::timestamptz") }} {%- endmacro %}
