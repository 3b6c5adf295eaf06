{{ config(
    settles={'period': 'measurement_date', 'margin_days': 2, 'apart_from': ['int_freshness__data_through']},
    indexes=[{'columns': ['element_id', 'measurement_date']}, {'columns': ['provider_id', 'measurement_date']}]
) }}

-- A day on which fewer than 3 services were measured has no row: a mean of one or two tells of a subscriber.
with day as (
    select
        element_id,
        usage_date as measurement_date,
        count(distinct service_id) as services_measured,
        sum(signal_sample_count)::bigint as signal_sample_count,
        sum(avg_signal_strength_dbm * signal_sample_count) / sum(signal_sample_count) as avg_customer_signal_strength_dbm
    from {{ ref('fct_usage_daily') }}
    where signal_sample_count > 0 and element_id <> {{ unknown_id() }}
    group by element_id, usage_date
    having count(distinct service_id) >= 3
),

dated as (
    select
        day.*,
        {{ day_start('day.measurement_date + 1', "coalesce(newest.time_zone, '" ~ var("reporting_time_zone") ~ "')") }}
            as day_end_at
    from day
    left join {{ ref('dim_network_element') }} as newest on newest.element_id = day.element_id and newest.is_current
)

select
    day.measurement_date,
    day.element_id,
    coalesce(element.element_key, {{ unknown_key() }}) as element_key,
    coalesce(element.provider_id, {{ unknown_id() }}) as provider_id,
    coalesce(element.zone_id, {{ unknown_id() }}) as zone_id,
    day.services_measured,
    day.signal_sample_count,
    round(day.avg_customer_signal_strength_dbm, 6) as avg_customer_signal_strength_dbm,
    performance.avg_signal_strength_dbm,
    performance.avg_throughput_mbps,
    performance.avg_latency_ms,
    performance.avg_packet_loss_percentage,
    least({{ as_of() }}, day.day_end_at) as as_of_at,
    least(through.data_through_at, day.day_end_at) as data_through_at
from dated as day
left join {{ ref('dim_network_element') }} as element
    on element.element_id = day.element_id
    and {{ holds_at('element', "(day.day_end_at - interval '1 microsecond')") }}
left join {{ ref('fct_network_performance_daily') }} as performance
    on performance.element_id = day.element_id and performance.performance_date = day.measurement_date
left join {{ ref('int_freshness__data_through') }} as through
    on through.provider_id = coalesce(element.provider_id, {{ unknown_id() }}) and through.feed = 'usage_records'
