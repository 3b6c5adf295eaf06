-- One row per provider, month and customer class, with a row over all classes: accounts with lines in service, and what
-- their lines and the accounts themselves earned.
with account as (
    select
        provider_id, month_start_date, customer_class, customer_id,
        bool_or(is_opening) as is_opening,
        bool_or(is_closing) as is_closing,
        sum(earned_service_amount_reporting) as line_amount_reporting,
        null::numeric as account_amount_reporting,
        null::numeric as account_service_amount_reporting
    from {{ ref('int_kpi__lines') }}
    group by provider_id, month_start_date, customer_class, customer_id
    union all
    select
        provider_id, month_start_date, customer_class, customer_id, false, false,
        null, earned_amount_reporting, earned_service_amount_reporting
    from {{ ref('int_kpi__account_charges') }}
)

select
    provider_id,
    month_start_date,
    'all' as line_of_business,
    case when grouping(customer_class) = 1 then 'all' else customer_class end as customer_class,
    0.5 * (count(distinct customer_id) filter (where is_opening) + count(distinct customer_id) filter (where is_closing))
        as average_accounts,
    sum(account_amount_reporting) as account_amount_reporting,
    sum(account_service_amount_reporting) as account_service_amount_reporting,
    coalesce(sum(line_amount_reporting) + coalesce(sum(account_service_amount_reporting), 0),
        sum(account_service_amount_reporting)) as service_amount_reporting
from account
group by provider_id, month_start_date, rollup (customer_class)
