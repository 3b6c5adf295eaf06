-- One row per element with maintenance: what was done, is under way, due and overdue at AS_OF, by the dates.
with visit as (
    select
        *,
        completed_at <= {{ as_of() }} and completed_at > {{ as_of() }} - interval '8760 hours' as is_of_last_year,
        -- Where no date says that it has begun or ended, the outcome does.
        case
            when outcome = 'cancelled' then 'cancelled'
            when completed_at <= {{ as_of() }} then case when outcome = 'failed' then 'failed' else 'done' end
            when started_at <= {{ as_of() }} and (completed_at is not null or outcome = 'pending') then 'in progress'
            when coalesce(started_at, completed_at) > {{ as_of() }} then 'waiting'
            when started_at is null and outcome = 'pending' then 'waiting'
        end as state
    from {{ ref('stg_maintenance_events') }}
)

select
    element_id,
    max(updated_at) filter (where updated_at <= {{ as_of() }}) as data_through_at,
    count(*) filter (where state = 'done') as maintenance_ever_done_count,
    count(*) filter (where state = 'done' and is_of_last_year) as maintenance_done_count,
    count(*) filter (where state = 'failed' and is_of_last_year) as maintenance_failed_count,
    count(*) filter (where state = 'in progress') as maintenance_in_progress_count,
    count(*) filter (
        where state = 'waiting'
            and scheduled_at >= {{ as_of() }} and scheduled_at < {{ as_of() }} + interval '720 hours'
    ) as maintenance_due_count,
    count(*) filter (where state = 'waiting' and scheduled_at < {{ as_of() }}) as maintenance_overdue_count
from visit
group by element_id
