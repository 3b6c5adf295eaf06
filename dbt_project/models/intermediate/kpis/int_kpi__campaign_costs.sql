-- One row per contact of a campaign (not of its control group) by AS_OF: what its offer cost if it was accepted. Line of
-- business and class are those of its service's month; without one only the customer's class is known.
with contact as (
    select contact.*, {{ month_of('contact.contacted_date') }} as month_start_date
    from {{ ref('fct_campaign_contact') }} as contact
    where not contact.is_control and contact.contacted_at <= {{ as_of() }}
)

select
    contact.contact_id,
    contact.provider_id,
    contact.month_start_date,
    line.line_of_business,
    coalesce(line.customer_class, class.customer_class, 'unknown') as customer_class,
    contact.contacted_date,
    contact.currency,
    '{{ var("reporting_currency") }}'::text as reporting_currency,
    case when contact.outcome = 'accepted' then coalesce(contact.offer_cost, 0) else 0 end as accepted_cost,
    coalesce({{ reporting_rate('contact.currency', 'contact.contacted_date') }}, case when contact.offer_cost is null then 1 end)
        as reporting_rate
from contact
left join {{ ref('fct_subscription_monthly') }} as line
    on line.service_id = contact.service_id and line.month_start_date = contact.month_start_date
left join {{ ref('dim_customer') }} as customer on customer.customer_key = contact.customer_key
left join {{ ref('customer_classes') }} as class on class.customer_type = customer.customer_type
