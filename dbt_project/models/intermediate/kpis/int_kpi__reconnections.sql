-- One row per line that ended and whose place another one took within the days of the seed: the next line with its number,
-- whoever owns it now; else one that its customer added, each for the line that ended first of those still waiting.
with recursive change as (
    select
        *,
        lead(service_id) over by_number as next_service_id,
        lead(is_ended) over by_number as next_is_ended,
        lead(changed_date) over by_number as next_changed_date
    from {{ ref('int_kpi__line_changes') }}
    window by_number as (
        partition by provider_id, family, service_number_hmac order by changed_date, is_ended desc, changed_at, service_id
    )
),

numbered as (
    select service_id as ended_service_id, next_service_id as added_service_id
    from change
    where is_ended and not next_is_ended and next_service_id <> service_id and service_number_hmac is not null
        and next_changed_date - changed_date <= {{ kpi_parameter('reconnection_days') }}
),

-- Only customers with both kinds of change can have a pair.
candidate as (
    select *
    from (
        select
            change.*,
            bool_or(is_ended) over customer and not bool_and(is_ended) over customer as has_both
        from change
        left join numbered as ended on ended.ended_service_id = change.service_id and change.is_ended
        left join numbered as added on added.added_service_id = change.service_id and not change.is_ended
        where ended.ended_service_id is null and added.added_service_id is null
        window customer as (partition by provider_id, family, customer_id)
    ) as unpaired
    where has_both
),

step as (
    select
        provider_id, family, customer_id, service_id, is_ended, changed_date,
        changed_date::text || ' ' || service_id::text as token,
        row_number() over (
            partition by provider_id, family, customer_id order by changed_date, is_ended desc, changed_at, service_id
        ) as step_number
    from candidate
),

walk as (
    select
        provider_id, family, customer_id, step_number, service_id,
        case when is_ended then array[token] else '{}' end as waiting,
        null::text as taken
    from step
    where step_number = 1
    union all
    select
        step.provider_id, step.family, step.customer_id, step.step_number, step.service_id,
        case when step.is_ended then walk.waiting || step.token else array_remove(walk.waiting, first.token) end,
        first.token
    from walk
    inner join step
        on step.provider_id = walk.provider_id and step.family = walk.family and step.customer_id = walk.customer_id
        and step.step_number = walk.step_number + 1
    left join lateral (
        select line.token
        from unnest(walk.waiting) with ordinality as line (token, place)
        where step.changed_date - left(line.token, 10)::date <= {{ kpi_parameter('reconnection_days') }}
            and right(line.token, 36)::uuid <> step.service_id
        order by line.place
        limit 1
    ) as first on not step.is_ended
)

select ended_service_id, added_service_id from numbered
union all
select right(taken, 36)::uuid, service_id from walk
where taken is not null
