-- One row per feed, provider and either an event by AS_OF or what a fact says of several: the first and the last of them.
-- Of an hour that is over no more is needed, since a day ends with an hour; of AS_OF's own hour the events are asked.
{%- set hour_of_as_of = "date_trunc('hour', " ~ as_of() ~ ", 'UTC')" %}
select 'usage_records' as feed, provider_id, first_usage_at as first_event_at, last_usage_at as last_event_at
from {{ ref('fct_usage_hourly') }}
where usage_hour_at < {{ hour_of_as_of }} and {{ not_settled('usage_hour_at', days_before=1) }}
union all
select 'usage_records', provider_id, usage_timestamp as first_event_at, usage_timestamp as last_event_at
from {{ ref('fct_usage_event') }}
where usage_timestamp >= {{ hour_of_as_of }} and usage_timestamp <= {{ as_of() }}
union all
select 'network_performance', provider_id, first_sample_at, last_sample_at
from {{ ref('fct_network_performance_hourly') }}
where performance_hour_at < {{ hour_of_as_of }} and {{ not_settled('performance_hour_at', days_before=1) }}
union all
select 'network_performance', provider_id, last_sample_at as first_event_at, last_sample_at as last_event_at
from {{ ref('fct_network_performance_daily') }}
where is_from_daily_samples and last_sample_at <= {{ as_of() }} and {{ not_settled('performance_date', days_before=2) }}
union all
select
    'network_performance',
    element.provider_id,
    sample.measurement_timestamp as first_event_at,
    sample.measurement_timestamp as last_event_at
from {{ ref('stg_network_performance') }} as sample
inner join {{ ref('dim_network_element') }} as element on element.element_id = sample.element_id and element.is_current
where sample.measurement_timestamp >= {{ hour_of_as_of }} and sample.measurement_timestamp <= {{ as_of() }}
union all
select
    'service_quality',
    quality.provider_id,
    {{ day_start('quality.assessment_date', 'provider.time_zone') }} as first_event_at,
    {{ day_start('quality.assessment_date', 'provider.time_zone') }} as last_event_at
from {{ ref('fct_service_quality') }} as quality
inner join {{ ref('dim_provider') }} as provider on provider.provider_id = quality.provider_id
where {{ day_start('quality.assessment_date', 'provider.time_zone') }} <= {{ as_of() }}
    and {{ not_settled('quality.assessment_date', days_before=2) }}
union all
select
    'bills',
    bill.provider_id,
    {{ day_start('bill.issued_on', 'provider.time_zone') }} as first_event_at,
    {{ day_start('bill.issued_on', 'provider.time_zone') }} as last_event_at
from {{ ref('fct_bill') }} as bill
inner join {{ ref('dim_provider') }} as provider on provider.provider_id = bill.provider_id
where {{ day_start('bill.issued_on', 'provider.time_zone') }} <= {{ as_of() }}
    and {{ not_settled('bill.issued_on', days_before=2) }}
union all
-- What was done last to a ticket may be later than the day that is asked for; that it was opened is an event too.
select 'support_tickets', ticket.provider_id, bound.event_at as first_event_at, bound.event_at as last_event_at
from {{ ref('fct_support_ticket') }} as ticket
cross join lateral (values (ticket.created_at), (ticket.updated_at)) as bound (event_at)
where bound.event_at <= {{ as_of() }} and {{ not_settled('bound.event_at', days_before=1) }}
