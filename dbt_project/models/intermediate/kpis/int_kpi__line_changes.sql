-- One row per line and change, added or ended: what a reconnection is made of. Prepaid and postpaid are one family, so
-- that a move between them by a new service is neither loss nor gain.
with change as (
    select
        month.service_id,
        kind.is_ended,
        month.provider_id,
        month.customer_id,
        case when month.line_of_business like 'mobile%' then 'mobile' else month.line_of_business end as family,
        service.service_number_hmac,
        case when kind.is_ended then service.deactivated_at else service.activated_at end as changed_at,
        service.time_zone
    from {{ ref('fct_subscription_monthly') }} as month
    cross join (values (true), (false)) as kind (is_ended)
    inner join {{ ref('dim_service') }} as service on service.service_id = month.service_id and service.is_current
    where (month.is_ended or month.is_added) and case when kind.is_ended then month.is_ended else month.is_added end
)

select
    service_id,
    is_ended,
    provider_id,
    customer_id,
    family,
    service_number_hmac,
    changed_at,
    {{ local_day('changed_at', 'time_zone') }} as changed_date
from change
