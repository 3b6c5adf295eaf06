{{ config(
    effect={'from': 'least(changed.earned_from_date, changed.billing_period_start, changed.issued_on)'},
    settles={'period': 'billing_period_start', 'margin_days': 62},
    materialized='partition_replaced',
    partition_by={'fields': 'billing_period_start', 'method': 'range', 'granularity': 'month', 'default_partition': true},
    window='whole',
    indexes=[
        {'columns': ['bill_id']}, {'columns': ['service_id', 'billing_period_start']},
        {'columns': ['customer_id', 'billing_period_start']}, {'columns': ['issued_on'], 'type': 'brin'},
        {'columns': ['earned_to_date'], 'type': 'brin'}
    ]
) }}

-- A newer issue of a bill replaces its whole set of charges; charges of a bill that has not come wait for it, since
-- without it they have no currency, no provider and no period.
with charge as (
    select
        charge.*,
        coalesce(charge.charge_period_start, bill.billing_period_start) as from_date,
        coalesce(charge.charge_period_end, bill.billing_period_end) as to_date,
        bill.provider_id,
        bill.customer_id,
        bill.customer_key,
        bill.billing_period_start,
        bill.billing_period_end,
        bill.issued_on,
        bill.currency,
        bill.reporting_currency,
        bill.reporting_rate,
        bill.bill_status,
        provider.time_zone
    from {{ ref('stg_bill_charges') }} as charge
    inner join {{ ref('fct_bill') }} as bill using (bill_id, bill_version)
    inner join {{ ref('dim_provider') }} as provider on provider.provider_id = bill.provider_id
),

earned as (
    select
        charge.*,
        kind.is_tax,
        kind.is_equipment,
        kind.is_pass_through,
        case
            when kind.earned_on = 'last_day' then greatest(charge.to_date - 1, charge.from_date) else charge.from_date
        end as earned_from_date,
        case
            when kind.earned_on = 'first_day' then charge.from_date + 1
            else greatest(charge.to_date, charge.from_date + 1)
        end as earned_to_date
    from charge
    inner join {{ ref('charge_types') }} as kind using (charge_type)
),

placed as (
    select *, {{ day_start('earned_to_date', 'time_zone') }} - interval '1 microsecond' as held_at
    from earned
)

select
    charge.charge_id,
    charge.bill_id,
    charge.bill_version,
    charge.provider_id,
    charge.customer_id,
    charge.customer_key,
    charge.service_id,
    coalesce(service.service_key, {{ unknown_key() }}) as service_key,
    coalesce(service.zone_id, {{ unknown_id() }}) as zone_id,
    coalesce(charge.plan_id, service.plan_id) as plan_id,
    coalesce(plan.plan_key, {{ unknown_key() }}) as plan_key,
    charge.billing_period_start,
    charge.billing_period_end,
    charge.issued_on,
    charge.bill_status,
    charge.charge_type,
    charge.is_tax,
    charge.is_equipment,
    charge.is_pass_through,
    charge.charge_period_start,
    charge.charge_period_end,
    charge.earned_from_date,
    charge.earned_to_date,
    charge.description,
    charge.quantity,
    charge.unit_price,
    charge.currency,
    charge.amount,
    charge.reporting_currency,
    charge.reporting_rate,
    charge.amount * charge.reporting_rate as amount_reporting
from placed as charge
left join {{ ref('dim_service') }} as service
    on service.service_id = charge.service_id and {{ holds_at('service', 'charge.held_at') }}
left join {{ ref('dim_service_plan') }} as plan
    on plan.plan_id = coalesce(charge.plan_id, service.plan_id) and {{ holds_at('plan', 'charge.held_at') }}
