-- One row per as-of date and element with samples in the 35 days before: the last 7 days against the 28 before them.
-- An error burst is a day of the last 28 with over three times the median error rate of those days.
with window_day as materialized (
    select span.last_ended_date, span.last_ended_date - day.age as performance_date, day.age
    from (select distinct last_ended_date from {{ ref('int_features__elements') }} where {{ not_settled('as_of_date') }}) as span
    cross join generate_series(0, 34) as day (age)
),

sample as materialized (
    select
        element.as_of_date,
        element.element_id,
        window_day.age,
        window_day.age < 7 as is_last_7d,
        performance.avg_latency_ms,
        performance.avg_packet_loss_percentage,
        performance.avg_error_rate_percentage,
        performance.max_temperature_celsius,
        performance.avg_bandwidth_utilization_percentage,
        performance.busy_hour_throughput_mbps
    from {{ ref('fct_network_performance_daily') }} as performance
    inner join window_day on window_day.performance_date = performance.performance_date
    inner join {{ ref('int_features__elements') }} as element
        on element.element_id = performance.element_id
        and element.last_ended_date = window_day.last_ended_date
        and {{ not_settled('element.as_of_date') }}
),

median as materialized (
    select as_of_date, element_id, percentile_disc(0.5) within group (order by avg_error_rate_percentage) as error_rate
    from sample
    where age < 28
    group by as_of_date, element_id
)

select
    sample.as_of_date,
    sample.element_id,
    count(*) filter (where sample.is_last_7d) as measured_days_7d,
    avg(sample.avg_latency_ms) filter (where sample.is_last_7d) as avg_latency_ms_7d,
    avg(sample.avg_latency_ms) filter (where not sample.is_last_7d) as avg_latency_ms_before,
    avg(sample.avg_packet_loss_percentage) filter (where sample.is_last_7d) as avg_packet_loss_percentage_7d,
    avg(sample.avg_packet_loss_percentage) filter (where not sample.is_last_7d) as avg_packet_loss_percentage_before,
    avg(sample.avg_error_rate_percentage) filter (where sample.is_last_7d) as avg_error_rate_percentage_7d,
    avg(sample.avg_error_rate_percentage) filter (where not sample.is_last_7d) as avg_error_rate_percentage_before,
    count(*) filter (where sample.age < 28 and sample.avg_error_rate_percentage > 3 * median.error_rate) as error_burst_days_28d,
    max(sample.max_temperature_celsius) filter (where sample.is_last_7d) as max_temperature_celsius_7d,
    avg(sample.max_temperature_celsius) filter (where sample.is_last_7d) as avg_temperature_celsius_7d,
    avg(sample.max_temperature_celsius) filter (where not sample.is_last_7d) as avg_temperature_celsius_before,
    avg(sample.avg_bandwidth_utilization_percentage) filter (where sample.is_last_7d)
        as avg_bandwidth_utilization_percentage_7d,
    avg(sample.avg_bandwidth_utilization_percentage) filter (where not sample.is_last_7d)
        as avg_bandwidth_utilization_percentage_before,
    max(sample.busy_hour_throughput_mbps) filter (where sample.age < 28) as busy_hour_throughput_mbps_28d
from sample
left join median using (as_of_date, element_id)
group by sample.as_of_date, sample.element_id
