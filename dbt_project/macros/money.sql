{# The rate into the reporting currency on a day: the last one of the 31 days before; null if there is none. #}
{% macro reporting_rate(currency, day) -%}
    case
        when {{ currency }} = '{{ var("reporting_currency") }}' then 1::numeric
        else (
            select exchange.rate
            from {{ ref('exchange_rates') }} as exchange
            where exchange.from_currency = {{ currency }}
                and exchange.to_currency = '{{ var("reporting_currency") }}'
                and exchange.rate_date between {{ day }} - 31 and {{ day }}
            order by exchange.rate_date desc
            limit 1
        )
    end
{%- endmacro %}

{# Money has a rate into the reporting currency. dbt says of a test how many rows failed and no more, so what is missing
   is looked for as the test is run, and its error names each pair and date. #}
{% test money_has_a_rate(model, date_column) %}
{%- set without_rate -%}
select currency, reporting_currency, {{ date_column }} as rate_date, count(*) as rows_without_rate
from {{ model }}
where reporting_rate is null
group by currency, reporting_currency, {{ date_column }}
order by rate_date, currency
{%- endset -%}
{%- if execute and flags.WHICH in ('build', 'test') -%}
    {%- set missing = [] -%}
    {%- for row in run_query(without_rate) -%}
        {%- do missing.append(row[0] ~ ' to ' ~ row[1] ~ ' on ' ~ row[2] ~ ' (rows: ' ~ row[3] ~ ')') -%}
    {%- endfor -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            "no exchange rate of that day or the 31 before it: " ~ missing[:10] | join(', ')
            ~ (', and ' ~ (missing | length - 10) ~ ' more' if missing | length > 10) ~ ". Add it to seeds/exchange_rates.csv"
        ) }}
    {%- endif -%}
{%- endif -%}
{{ without_rate }}
{% endtest %}

{# Of every service all that is earned, without what is estimated, is what was billed. #}
{% test earned_is_billed(model) %}
select
    service_id,
    sum(earned_amount_reporting - coalesce(estimated_amount_reporting, 0)) as earned_amount_reporting,
    sum(billed_amount_reporting) as billed_amount_reporting
from {{ model }}
group by service_id
having coalesce(sum(earned_amount_reporting - coalesce(estimated_amount_reporting, 0)), 0)
    <> coalesce(sum(billed_amount_reporting), 0)
{% endtest %}

{# The types of charges as the statement shows them side by side. #}
{% macro bill_charge_kinds() -%}
    {{ return(['recurring', 'usage', 'overage', 'one_time', 'equipment', 'fee', 'discount', 'credit', 'tax']) }}
{%- endmacro %}

{# SQL: whether a row of int_billing__bill_sums is a bill of a statement's line. #}
{% macro is_of_line(line) -%}
    customer_id = {{ line }}.customer_id and billing_period_start = {{ line }}.billing_period_start
    and provider_id = {{ line }}.provider_id and currency = {{ line }}.currency
    and billing_period_end = {{ line }}.billing_period_end
    and bill_status <> 'draft' and issued_on <= {{ line }}.as_of_date
{%- endmacro %}
