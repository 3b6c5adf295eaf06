-- One row per service in force at AS_OF: its full weeks, of the last 13, for which the provider's usage had come.
with provider as (
    select provider_id, min(usage_date) as first_usage_date
    from {{ ref('int_usage__provider_days') }}
    group by provider_id
),

placed as (
    select
        service.service_id,
        service.service_key,
        service.customer_id,
        service.provider_id,
        service.zone_id,
        service.time_zone,
        freshness.data_through_at,
        coalesce(freshness.is_stale, true) as is_stale,
        -- The week's end is the last Monday by AS_OF and by the newest usage.
        date_trunc(
            'week', least({{ as_of() }}, freshness.data_through_at) at time zone service.time_zone
        )::date as to_date,
        greatest({{ local_day('service.activated_at', 'service.time_zone') }}, provider.first_usage_date) as observed_from_date
    from {{ ref('dim_service') }} as service
    left join {{ ref('int_freshness__data_through') }} as freshness
        on freshness.provider_id = service.provider_id and freshness.feed = 'usage_records'
    left join provider on provider.provider_id = service.provider_id
    where {{ holds_at('service', as_of()) }}
        and service.activated_at <= {{ as_of() }}
        and coalesce(service.deactivated_at > {{ as_of() }}, true)
)

select
    *,
    greatest((to_date - greatest(to_date - 91, observed_from_date)) / 7, 0) as week_count,
    to_date - 7 * greatest((to_date - greatest(to_date - 91, observed_from_date)) / 7, 0) as from_date
from placed
