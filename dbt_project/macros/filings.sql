{# The dates that filings are made for now: those that var filing_dates names, else the last June 30 and December 31 that
   were over at AS_OF in the reporting time zone. #}
{% macro filing_dates() -%}
    {%- set asked = var('filing_dates', []) -%}
    {%- if asked -%}
        select unnest(array[{% for day in asked %}'{{ day }}'::date{{ ', ' if not loop.last }}{% endfor %}]) as as_of_date
    {%- else -%}
        select (quarter_start - 1)::date as as_of_date
        from (
            select month_start::date as quarter_start
            from generate_series(
                date_trunc('year', {{ last_ended_day("'" ~ var("reporting_time_zone") ~ "'") }}::timestamp) - interval '1 year',
                {{ last_ended_day("'" ~ var("reporting_time_zone") ~ "'") }}::timestamp + interval '1 day', interval '6 months'
            ) as month_start
        ) as half_years
        order by 1 desc
        limit 2
    {%- endif -%}
{%- endmacro %}

{# What a model replaces: of one with config filing_dates_of only the rows of the dates that filings are made for now; those
   of other dates stay as they were filed. (Read at run time: dbt keeps a config as it was parsed, without its variables.) #}
{% macro dates_in_hand(alias) -%}
    {%- set column = config.get('filing_dates_of') -%}
    {{ return(alias ~ '.' ~ column ~ ' in (' ~ filing_dates() ~ ')' if column else 'true') }}
{%- endmacro %}

{# The last instant of a filing's day. #}
{% macro filing_instant(day, time_zone) -%} ({{ day_start(day ~ ' + 1', time_zone) }} - interval '1 microsecond') {%- endmacro %}

{# The first day of the period that ends with an as-of date: what var filing_period_start says, else January 1. #}
{% macro filing_period_start(day) -%}
    {%- if var('filing_period_start', '') -%} '{{ var("filing_period_start") }}'::date
    {%- else -%} date_trunc('year', {{ day }}::timestamp)::date
    {%- endif -%}
{%- endmacro %}

{% macro filing_parameter(name) -%}
    (select setting.value from {{ ref('filing_parameters') }} as setting where setting.parameter = '{{ name }}')
{%- endmacro %}

{# Metres between two points given as longitude and latitude, on a sphere: exact to a metre over the distances in question. #}
{% macro metres_between(one, other) -%}
    (
        12742017.6 * asin(sqrt(least(1,
            power(sin(radians(({{ one }})[1] - ({{ other }})[1]) / 2), 2)
            + cos(radians(({{ one }})[1])) * cos(radians(({{ other }})[1]))
            * power(sin(radians(({{ one }})[0] - ({{ other }})[0]) / 2), 2)
        )))
    )
{%- endmacro %}
