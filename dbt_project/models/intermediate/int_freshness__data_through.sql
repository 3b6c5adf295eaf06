-- One row per feed and provider: the newest event that was loaded and had happened by AS_OF.
with event as (
    select 'usage_records' as feed, provider_id, max(usage_timestamp) as data_through_at
    from {{ ref('fct_usage_event') }}
    where usage_timestamp >= {{ as_of() }} - interval '60 days' and usage_timestamp <= {{ as_of() }}
    group by provider_id
    union all
    -- What is older than the scan above stands in the daily fact, to the day.
    select 'usage_records', provider_id, max(day_start_at)
    from {{ ref('fct_usage_daily') }}
    where day_start_at <= {{ as_of() }}
    group by provider_id
    union all
    select 'network_performance', element.provider_id, max(performance.measurement_timestamp)
    from {{ ref('stg_network_performance') }} as performance
    inner join {{ ref('dim_network_element') }} as element
        on element.element_id = performance.element_id and element.is_current
    where performance.measurement_timestamp <= {{ as_of() }}
    group by element.provider_id
    union all
    select 'service_quality', quality.provider_id, max({{ day_start('quality.assessment_date', 'provider.time_zone') }})
    from {{ ref('fct_service_quality') }} as quality
    inner join {{ ref('dim_provider') }} as provider on provider.provider_id = quality.provider_id
    where {{ day_start('quality.assessment_date', 'provider.time_zone') }} <= {{ as_of() }}
    group by quality.provider_id
    union all
    select 'bills', bill.provider_id, max({{ day_start('bill.issued_on', 'provider.time_zone') }})
    from {{ ref('fct_bill') }} as bill
    inner join {{ ref('dim_provider') }} as provider on provider.provider_id = bill.provider_id
    where {{ day_start('bill.issued_on', 'provider.time_zone') }} <= {{ as_of() }}
    group by bill.provider_id
    union all
    select 'support_tickets', provider_id, max(greatest(created_at, updated_at))
    from {{ ref('fct_support_ticket') }}
    where greatest(created_at, updated_at) <= {{ as_of() }}
    group by provider_id
),

newest as (
    select feed, provider_id, max(data_through_at) as data_through_at
    from event
    group by feed, provider_id
)

select
    newest.feed,
    newest.provider_id,
    newest.data_through_at,
    {{ as_of() }} - newest.data_through_at > feeds.expected_every + feeds.grace as is_stale
from newest
inner join {{ source('raw', 'feeds') }} as feeds using (feed)
