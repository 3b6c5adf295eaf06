{{ config(materialized='view', contract={'enforced': false}) }}

-- A view, since checks also run after everything was built. Of a partition that was judged again the last result counts.
with expectation as (
    select
        *,
        row_number() over (judged order by checked_at desc, check_result_id desc) as newness,
        min(checked_at) over judged as first_checked_at,
        min(checked_at) filter (where not success) over judged as first_failed_at,
        max(checked_at) filter (where not success) over judged as last_failed_at
    from {{ source('quality', 'check_results') }}
    window judged as (partition by engine, feed, check_name, days_from, days_to)
)

select
    expectation.engine,
    'raw.' || expectation.feed as table_name,
    expectation.check_name,
    expectation.days_from as partition_from_date,
    expectation.days_to as partition_to_date,
    expectation.severity,
    expectation.success,
    expectation.rows_evaluated,
    expectation.rows_failed,
    failing.failed_keys,
    expectation.said,
    expectation.run_id,
    expectation.first_checked_at,
    expectation.checked_at as last_checked_at,
    expectation.first_failed_at,
    expectation.last_failed_at
from expectation
left join lateral (
    select to_jsonb((array_agg(failed.row_key order by failed.row_key))[:20]) as failed_keys
    from {{ source('quality', 'failed_rows') }} as failed
    where failed.check_result_id = expectation.check_result_id and not expectation.success
) as failing on true
where expectation.newness = 1

union all

select
    'dbt', table_name, check_name, null, null, severity, success, null, rows_failed, null, said, run_id,
    first_checked_at, last_checked_at, first_failed_at, last_failed_at
from {{ source('quality', 'dbt_test_results') }}
