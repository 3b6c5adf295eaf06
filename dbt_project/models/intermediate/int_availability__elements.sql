-- One row per known network element: when it was in service, what stopped it by plan, and what no sample saw of that.
-- A failure ends with its restoration; while it lasts, at AS_OF.
with version as (
    select
        *,
        coalesce(max(time_zone) filter (where is_current) over (partition by element_id), '{{ var("reporting_time_zone") }}')
            as current_time_zone,
        last_value(installed_on) over (
            partition by element_id order by valid_from rows between unbounded preceding and unbounded following
        ) as newest_installed_on
    from {{ ref('dim_network_element') }}
    where element_id <> {{ unknown_id() }}
),

dated as (
    select *, {{ day_start('newest_installed_on', 'current_time_zone') }} as installed_at
    from version
),

state as (
    select
        element_id,
        current_time_zone as time_zone,
        range_agg(tstzrange(greatest(valid_from, installed_at), valid_to)) filter (
            where operational_status not in ('planned', 'retired') and valid_to > coalesce(installed_at, '-infinity')
        ) as in_service,
        range_agg(tstzrange(valid_from, valid_to)) filter (where operational_status = 'failed') as failed
    from dated
    group by element_id, current_time_zone
),

outage as (
    select
        element_id,
        range_agg(tstzrange(outage_start, coalesce(actual_restoration, {{ as_of() }}))) filter (where not is_planned)
            as unplanned,
        range_agg(tstzrange(outage_start, coalesce(actual_restoration, {{ as_of() }}))) filter (where is_planned)
            as planned
    from {{ ref('fct_outage') }}
    where outage_start < coalesce(actual_restoration, {{ as_of() }})
        and (actual_restoration is not null or outage_status not in ('restored', 'closed'))
    group by element_id
),

maintenance as (
    select element_id, range_agg(tstzrange(started_at, coalesce(completed_at, {{ as_of() }}))) as planned
    from {{ ref('fct_maintenance') }}
    where is_planned and outcome <> 'cancelled' and started_at < coalesce(completed_at, {{ as_of() }})
        and (completed_at is not null or outcome = 'pending')
    group by element_id
),

known as (
    select
        state.element_id,
        state.time_zone,
        coalesce(state.in_service, '{}') as in_service,
        coalesce(state.failed, '{}') + coalesce(outage.unplanned, '{}') as unplanned,
        coalesce(outage.planned, '{}') + coalesce(maintenance.planned, '{}')
        - (coalesce(state.failed, '{}') + coalesce(outage.unplanned, '{}')) as planned
    from state
    left join outage using (element_id)
    left join maintenance using (element_id)
),

sampled as (
    select
        known.element_id,
        range_agg(tstzrange(
            sample.measurement_timestamp, sample.measurement_timestamp + make_interval(secs => sample.interval_seconds)
        )) as covered
    from known
    inner join {{ ref('stg_network_performance') }} as sample
        on sample.element_id = known.element_id
        and sample.availability_seconds is not null
        and sample.measurement_timestamp >= {{ settled_day() }} - 3
        and known.unplanned + known.planned && tstzrange(
            sample.measurement_timestamp, sample.measurement_timestamp + make_interval(secs => sample.interval_seconds)
        )
    group by known.element_id
)

select
    known.element_id,
    known.time_zone,
    known.in_service,
    known.planned,
    known.unplanned - coalesce(sampled.covered, '{}') as unplanned_unsampled,
    known.planned - coalesce(sampled.covered, '{}') as planned_unsampled
from known
left join sampled using (element_id)
