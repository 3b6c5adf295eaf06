-- One row per provider, month, line of business and customer class with resolved tickets or assessments, with rows over all
-- of them. Tickets count in the month of their resolution; what they are about is the service's month of opening.
with answer as (
    select
        ticket.provider_id,
        {{ month_of(local_day('ticket.resolved_at', 'provider.time_zone')) }} as month_start_date,
        line.line_of_business,
        coalesce(line.customer_class, class.customer_class, 'unknown') as customer_class,
        ticket.is_first_contact_resolution,
        ticket.customer_satisfaction_rating as ticket_rating,
        null::numeric as download_speed_percentage,
        null::bigint as assessment_rating
    from {{ ref('fct_support_ticket') }} as ticket
    inner join {{ ref('dim_provider') }} as provider using (provider_id)
    left join {{ ref('fct_subscription_monthly') }} as line
        on line.service_id = ticket.service_id and line.month_start_date = {{ month_of('ticket.created_date') }}
    left join {{ ref('dim_customer') }} as customer on customer.customer_key = ticket.customer_key
    left join {{ ref('customer_classes') }} as class on class.customer_type = customer.customer_type
    where ticket.resolved_at <= {{ as_of() }}
    union all
    select
        quality.provider_id,
        {{ month_of('quality.assessment_date') }},
        line.line_of_business,
        coalesce(line.customer_class, 'unknown'),
        null,
        null,
        quality.download_speed_percentage,
        quality.customer_rating
    from {{ ref('fct_service_quality') }} as quality
    left join {{ ref('fct_subscription_monthly') }} as line
        on line.service_id = quality.service_id and line.month_start_date = {{ month_of('quality.assessment_date') }}
)

select
    {{ kpi_key() }},
    100.0 * count(*) filter (where is_first_contact_resolution) / nullif(count(is_first_contact_resolution), 0)
        as first_contact_resolution_percentage,
    avg(ticket_rating) as avg_ticket_rating,
    avg(assessment_rating) as avg_assessment_rating,
    avg(download_speed_percentage) as speed_against_plan_percentage
from answer
{{ kpi_groups() }}
