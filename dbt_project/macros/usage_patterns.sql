{# What a table says of services' full weeks is taken over where it is still true: full weeks seldom change, and what they
   hold takes long to find. The table has service_id, from_date and to_date, and a row for each service with full weeks. #}

{# SQL: the queries `kept`, the rows that the table has of a service's present weeks, in which nothing changed since it was
   built, and `due`, the services with full weeks that have no such row. #}
{% macro weeks_that_are_due() -%}
    {%- set unchanged_before = settled_before(kind_of(this)) if execute else '-infinity' -%}
    {%- if unchanged_before != '-infinity' -%}
kept as (
    select so_far.*
    from {{ this }} as so_far
    inner join {{ ref('int_usage_patterns__services') }} as service using (service_id, from_date, to_date)
    where service.week_count > 0 and service.to_date <= '{{ unchanged_before }}'::date
),

    {% endif -%}
due as (
    select service.*
    from {{ ref('int_usage_patterns__services') }} as service
    where service.week_count > 0
        {%- if unchanged_before != '-infinity' %}
        and not exists (select from kept where kept.service_id = service.service_id)
        {%- endif %}
)
{%- endmacro %}

{# SQL: the columns of what was kept, to be added to what was due. #}
{% macro and_weeks_that_are_kept(columns) -%}
    {%- if execute and settled_before(kind_of(this)) != '-infinity' -%}
union all
select {{ (['service_id', 'from_date', 'to_date'] + columns) | join(', ') }} from kept
    {%- endif -%}
{%- endmacro %}
