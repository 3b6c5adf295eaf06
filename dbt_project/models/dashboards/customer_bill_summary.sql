{{ config(
    settles={'period': 'as_of_at', 'margin_days': 2, 'apart_from': ['int_freshness__data_through']},
    indexes=[{'columns': ['customer_id', 'billing_period_start']}, {'columns': ['provider_id', 'billing_period_start']}]
) }}

with open_line as (
    select
        balanced.*,
        least({{ as_of() }}, {{ day_start('balanced.paid_to_date + 1', 'calendar.time_zone') }}) as as_of_at,
        {{ day_start('balanced.paid_to_date', 'calendar.time_zone') }} as last_day_start_at
    from {{ ref('int_billing__balances') }} as balanced
    left join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
)

select
    line.customer_id,
    coalesce(customer.customer_key, {{ unknown_key() }}) as customer_key,
    line.provider_id,
    line.currency,
    line.billing_period_start,
    line.billing_period_end,
    line.issued_on,
    line.due_date,
    line.bill_count,
    coalesce(cardinality(charged.service_ids), 0)::bigint as service_count,
    coalesce(charged.service_ids, '{}') as service_ids,
    {% for kind in bill_charge_kinds() + ['charges'] -%}
    charge.{{ kind }}_amount,
    {% endfor -%}
    line.total_amount,
    line.balance_amount
        - (line.total_amount - line.payments_amount - line.written_off_amount) as previous_balance_amount,
    line.stated_previous_balance_amount,
    line.payments_amount,
    line.written_off_amount,
    line.balance_amount,
    line.opening_balance_amount is null as is_balance_unknown,
    line.statement_number = 1 as is_first_statement,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    line.total_amount_reporting,
    line.as_of_at,
    least(freshness.data_through_at, line.last_day_start_at) as data_through_at,
    freshness.is_stale and line.paid_to_date >= line.as_of_date as is_stale
from open_line as line
-- By the index of the sums: PostgreSQL guesses far too few open lines to be trusted with another join.
cross join lateral (
    select
        {% for kind in bill_charge_kinds() -%}
        sum({{ kind }}_amount) as {{ kind }}_amount,
        {% endfor -%}
        sum(charges_amount) as charges_amount
    from {{ ref('int_billing__bill_sums') }}
    where {{ is_of_line('line') }}
) as charge
cross join lateral (
    select array_agg(distinct service.service_id order by service.service_id) as service_ids
    from {{ ref('int_billing__bill_sums') }}
    cross join unnest(service_ids) as service (service_id)
    where {{ is_of_line('line') }}
) as charged
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = line.customer_id
    and {{ holds_at('customer', 'line.as_of_at') }}
left join {{ ref('int_freshness__data_through') }} as freshness
    on freshness.feed = 'bills' and freshness.provider_id = line.provider_id
