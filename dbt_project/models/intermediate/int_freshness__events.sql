-- One row per feed, provider and event by AS_OF that can be the newest at AS_OF or as a local day ends: of an hour that is
-- over the first and the last (a day ends with an hour), of AS_OF's own hour the last by AS_OF.
{%- set hour_of_as_of = "date_trunc('hour', " ~ as_of() ~ ", 'UTC')" %}
with hour as (
    select 'usage_records' as feed, provider_id, min(first_usage_at) as first_at, max(last_usage_at) as last_at
    from {{ ref('fct_usage_hourly') }}
    where usage_hour_at < {{ hour_of_as_of }}
    group by provider_id, usage_hour_at
    union all
    select 'network_performance', element.provider_id, min(hour.first_sample_at), max(hour.last_sample_at)
    from {{ ref('fct_network_performance_hourly') }} as hour
    inner join {{ ref('dim_network_element') }} as element on element.element_id = hour.element_id and element.is_current
    where hour.performance_hour_at < {{ hour_of_as_of }}
    group by element.provider_id, hour.performance_hour_at
),

event as (
    select hour.feed, hour.provider_id, bound.event_at
    from hour
    cross join lateral (values (hour.first_at), (hour.last_at)) as bound (event_at)
    union all
    select 'usage_records', provider_id, max(usage_timestamp)
    from {{ ref('fct_usage_event') }}
    where usage_timestamp >= {{ hour_of_as_of }} and usage_timestamp <= {{ as_of() }}
    group by provider_id
    union all
    select 'network_performance', element.provider_id, max(sample.measurement_timestamp)
    from {{ ref('stg_network_performance') }} as sample
    inner join {{ ref('dim_network_element') }} as element on element.element_id = sample.element_id and element.is_current
    where sample.measurement_timestamp >= {{ hour_of_as_of }} and sample.measurement_timestamp <= {{ as_of() }}
    group by element.provider_id
    union all
    select 'network_performance', element.provider_id, sample.last_sample_at
    from {{ ref('fct_network_performance_daily') }} as sample
    inner join {{ ref('dim_network_element') }} as element on element.element_id = sample.element_id and element.is_current
    where sample.is_from_daily_samples
    group by element.provider_id, sample.last_sample_at
    union all
    select 'service_quality', quality.provider_id, {{ day_start('quality.assessment_date', 'provider.time_zone') }}
    from {{ ref('fct_service_quality') }} as quality
    inner join {{ ref('dim_provider') }} as provider on provider.provider_id = quality.provider_id
    group by quality.provider_id, quality.assessment_date, provider.time_zone
    union all
    select 'bills', bill.provider_id, {{ day_start('bill.issued_on', 'provider.time_zone') }}
    from {{ ref('fct_bill') }} as bill
    inner join {{ ref('dim_provider') }} as provider on provider.provider_id = bill.provider_id
    group by bill.provider_id, bill.issued_on, provider.time_zone
    union all
    -- What was done last to a ticket may be later than the day that is asked for; that it was opened is an event too.
    select 'support_tickets', ticket.provider_id, bound.event_at
    from {{ ref('fct_support_ticket') }} as ticket
    cross join lateral (values (ticket.created_at), (ticket.updated_at)) as bound (event_at)
)

select feed, provider_id, event_at
from event
where event_at <= {{ as_of() }}
