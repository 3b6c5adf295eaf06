{{ config(effect={'from': 'changed.requested_at'}, indexes=[
    {'columns': ['customer_id', 'order_type']}, {'columns': ['service_id']}, {'columns': ['requested_at']}
]) }}

-- An order belongs to its service's provider; while there is no service, to that of its plans; else to the customer's.
with owned as (
    select
        placed.*,
        from_plan.plan_key as from_plan_key,
        to_plan.plan_key as to_plan_key,
        {{ owner_columns('placed', 'requested_at', ['to_plan.provider_id', 'from_plan.provider_id']) }}
    from {{ ref('stg_service_orders') }} as placed
    {{ owner_joins('placed', 'requested_at') }}
    left join {{ ref('dim_service_plan') }} as from_plan
        on from_plan.plan_id = placed.from_plan_id and {{ holds_at('from_plan', 'placed.requested_at') }}
    left join {{ ref('dim_service_plan') }} as to_plan
        on to_plan.plan_id = placed.to_plan_id and {{ holds_at('to_plan', 'placed.requested_at') }}
)

select
    owned.order_id,
    owned.customer_id,
    coalesce(owned.customer_key, {{ unknown_key() }}) as customer_key,
    owned.service_id,
    coalesce(owned.service_key, {{ unknown_key() }}) as service_key,
    owned.provider_id,
    coalesce(owned.zone_id, {{ unknown_id() }}) as zone_id,
    owned.order_type,
    owned.order_status,
    owned.from_plan_id,
    coalesce(owned.from_plan_key, {{ unknown_key() }}) as from_plan_key,
    owned.to_plan_id,
    coalesce(owned.to_plan_key, {{ unknown_key() }}) as to_plan_key,
    owned.other_carrier,
    {{ local_day('owned.requested_at', 'provider.time_zone') }} as requested_date,
    {{ local_day('owned.completed_at', 'provider.time_zone') }} as completed_date,
    owned.requested_at,
    owned.completed_at,
    extract(epoch from owned.completed_at - owned.requested_at) / 3600 as completion_hours,
    owned.rejection_reason,
    owned.updated_at
from owned
inner join {{ ref('dim_provider') }} as provider on provider.provider_id = owned.provider_id
