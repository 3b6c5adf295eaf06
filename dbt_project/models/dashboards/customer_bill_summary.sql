{{ config(
    indexes=[{'columns': ['customer_id', 'billing_period_start']}, {'columns': ['provider_id', 'billing_period_start']}]
) }}

-- The statements of an account follow each other: what one leaves open is the next one's previous balance.
with line as (
    select sums.*
    from {{ ref('int_billing__bill_sums') }} as sums
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    where sums.bill_status <> 'draft' and sums.issued_on <= calendar.as_of_date
),

charge as (
    select
        customer_id,
        provider_id,
        currency,
        billing_period_start,
        billing_period_end,
        {% for kind in bill_charge_kinds() -%}
        sum({{ kind }}_amount) as {{ kind }}_amount,
        {% endfor -%}
        sum(charges_amount) as charges_amount
    from line
    group by customer_id, provider_id, currency, billing_period_start, billing_period_end
),

charged as (
    select
        line.customer_id,
        line.provider_id,
        line.currency,
        line.billing_period_start,
        line.billing_period_end,
        array_agg(distinct service.service_id order by service.service_id) as service_ids
    from line
    cross join unnest(line.service_ids) as service (service_id)
    group by line.customer_id, line.provider_id, line.currency, line.billing_period_start, line.billing_period_end
),

paid as (
    select
        statement.customer_id,
        statement.provider_id,
        statement.currency,
        statement.statement_number,
        sum(payment.amount) as payments_amount
    from {{ ref('int_billing__statements') }} as statement
    inner join {{ ref('fct_payment') }} as payment
        on payment.customer_id = statement.customer_id
        and payment.provider_id = statement.provider_id
        and payment.currency = statement.currency
        and payment.paid_date > statement.issued_on
        and payment.paid_date <= statement.paid_to_date
    where payment.payment_status = 'settled' and payment.payment_date <= {{ as_of() }}
    group by statement.customer_id, statement.provider_id, statement.currency, statement.statement_number
),

balanced as (
    select
        statement.*,
        coalesce(paid.payments_amount, 0) as payments_amount,
        statement.opening_balance_amount + sum(
            statement.total_amount - coalesce(paid.payments_amount, 0) - statement.written_off_amount
        ) over (
            partition by statement.customer_id, statement.provider_id, statement.currency
            order by statement.statement_number
        ) as balance_amount
    from {{ ref('int_billing__statements') }} as statement
    left join paid using (customer_id, provider_id, currency, statement_number)
)

select
    balanced.customer_id,
    coalesce(customer.customer_key, {{ unknown_key() }}) as customer_key,
    balanced.provider_id,
    balanced.currency,
    balanced.billing_period_start,
    balanced.billing_period_end,
    balanced.issued_on,
    balanced.due_date,
    balanced.bill_count,
    coalesce(cardinality(charged.service_ids), 0)::bigint as service_count,
    coalesce(charged.service_ids, '{}') as service_ids,
    {% for kind in bill_charge_kinds() + ['charges'] -%}
    charge.{{ kind }}_amount,
    {% endfor -%}
    balanced.total_amount,
    balanced.balance_amount
        - (balanced.total_amount - balanced.payments_amount - balanced.written_off_amount) as previous_balance_amount,
    balanced.stated_previous_balance_amount,
    balanced.payments_amount,
    balanced.written_off_amount,
    balanced.balance_amount,
    balanced.opening_balance_amount is null as is_balance_unknown,
    balanced.statement_number = 1 as is_first_statement,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    balanced.total_amount_reporting,
    least({{ as_of() }}, {{ day_start('balanced.paid_to_date + 1', 'calendar.time_zone') }}) as as_of_at,
    least(freshness.data_through_at, {{ day_start('balanced.paid_to_date + 1', 'calendar.time_zone') }}) as data_through_at,
    freshness.is_stale and balanced.paid_to_date >= calendar.as_of_date as is_stale
from balanced
left join charge using (customer_id, provider_id, currency, billing_period_start, billing_period_end)
left join charged using (customer_id, provider_id, currency, billing_period_start, billing_period_end)
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = balanced.customer_id
    and {{ holds_at('customer', as_of()) }}
left join {{ ref('int_providers__calendar') }} as calendar on calendar.provider_id = balanced.provider_id
left join {{ ref('int_freshness__data_through') }} as freshness
    on freshness.feed = 'bills' and freshness.provider_id = balanced.provider_id
