{{ config(indexes=[{'columns': ['provider_id', 'month_start_date']}]) }}

-- Revenue in the month of issue, payments in the month that they were made, receivables as the month ended.
with payment as (
    select
        provider_id,
        date_trunc('month', paid_date)::date as month_start_date,
        payment_method,
        case when is_auto_pay then 'auto_pay' else 'not_auto_pay' end as auto_pay,
        sum(amount_reporting) as amount_reporting,
        count(*) as item_count
    from {{ ref('fct_payment') }}
    where payment_status = 'settled' and payment_date <= {{ as_of() }}
    group by provider_id, date_trunc('month', paid_date), payment_method, is_auto_pay
),

item as (
    select
        provider_id, month_start_date, 'charge_type' as breakdown, charge_type as item, null::uuid as plan_id,
        sum(amount_reporting) as amount_reporting, sum(item_count)::bigint as item_count
    from {{ ref('int_billing__revenue') }}
    group by provider_id, month_start_date, charge_type
    union all
    select
        provider_id, month_start_date, 'plan', plan_id::text, plan_id,
        sum(amount_reporting), sum(item_count)::bigint
    from {{ ref('int_billing__revenue') }}
    group by provider_id, month_start_date, plan_id
    union all
    select
        provider_id, month_start_date, 'payment_method', payment_method, null,
        sum(amount_reporting), sum(item_count)::bigint
    from payment
    group by provider_id, month_start_date, payment_method
    union all
    select
        provider_id, month_start_date, 'auto_pay', auto_pay, null,
        sum(amount_reporting), sum(item_count)::bigint
    from payment
    group by provider_id, month_start_date, auto_pay
    union all
    select provider_id, month_start_date, 'receivables_age', item, null, amount_reporting, item_count
    from {{ ref('int_billing__receivables') }}
)

select
    item.provider_id,
    item.month_start_date,
    item.breakdown,
    item.item,
    coalesce(plan.plan_name, item.item) as item_name,
    item.plan_id,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    item.amount_reporting,
    item.item_count,
    round(
        100 * item.amount_reporting
        / nullif(sum(item.amount_reporting) over (partition by item.provider_id, item.month_start_date, item.breakdown), 0),
        3
    ) as share_percentage,
    {{ as_of() }} as as_of_at,
    freshness.data_through_at,
    freshness.is_stale
from item
left join {{ ref('dim_service_plan') }} as plan on plan.plan_id = item.plan_id and plan.is_current
left join {{ ref('int_freshness__data_through') }} as freshness
    on freshness.feed = 'bills' and freshness.provider_id = item.provider_id
