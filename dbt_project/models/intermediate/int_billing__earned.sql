-- One row per charge that is revenue and month in which a part of it is earned. Over the days by largest remainder: every
-- day has the same remainder, so the cents that are left over fall on the first days, and the parts sum to the charge.
with charge as (
    select
        *,
        earned_to_date - earned_from_date as day_count,
        div(abs(amount) * 100, earned_to_date - earned_from_date) as cents_a_day,
        mod(abs(amount) * 100, earned_to_date - earned_from_date) as cents_left
    from {{ ref('fct_bill_charge') }}
    where not is_tax and bill_status <> 'draft' and {{ not_settled('earned_to_date') }}
),

part as (
    select
        charge.*,
        month_start::date as month_start_date,
        greatest(month_start::date, earned_from_date) - earned_from_date as from_offset,
        least((month_start + interval '1 month')::date, earned_to_date) - earned_from_date as to_offset
    from charge
    cross join lateral generate_series(
        date_trunc('month', earned_from_date::timestamp), earned_to_date - interval '1 day', interval '1 month'
    ) as month_start
)

select
    bill_id,
    charge_id,
    month_start_date,
    service_id,
    customer_id,
    provider_id,
    plan_id,
    charge_type,
    is_equipment,
    is_pass_through,
    currency,
    reporting_rate,
    round(
        sign(amount) * 0.01
        * (cents_a_day * (to_offset - from_offset) + least(to_offset, cents_left) - least(from_offset, cents_left)),
        2
    ) as earned_amount
from part
