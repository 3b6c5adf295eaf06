{# What the contract says of a feed (its key, whether it is versioned), from the generated source. #}
{% macro feed_meta(feed) -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.source_name == 'raw' and node.name == feed -%}
            {{ return(node.config.meta) }}
        {%- endfor -%}
    {%- endif -%}
    {{ return({'key': ['key_column'], 'is_versioned': true}) }}
{%- endmacro %}

{# The feed as it is known now: the newest version of each key, entities that were taken back left out. #}
{% macro newest_version(feed) -%}
    {%- set meta = feed_meta(feed) -%}
    {%- if meta.is_versioned %}
select *
from (
    select distinct on ({{ meta.key | join(', ') }}) *
    from {{ source('raw', feed) }}
    order by {{ meta.key | join(', ') }}, updated_at desc
) as newest
    {%- else %}
select *
from {{ source('raw', feed) }}
    {%- endif %}
where is_deleted is not true
{%- endmacro %}

{# Every version of every entity with the half-open interval in which it held; the first holds since ever. #}
{% macro every_version(feed) -%}
    {%- set key = feed_meta(feed).key | join(', ') %}
select *
from (
    select
        *,
        case
            when lag(updated_at) over versions is null then '-infinity'::timestamptz
            else updated_at
        end as valid_from,
        coalesce(lead(updated_at) over versions, 'infinity'::timestamptz) as valid_to
    from {{ source('raw', feed) }}
    window versions as (partition by {{ key }} order by updated_at)
) as version
where is_deleted is not true
{%- endmacro %}
