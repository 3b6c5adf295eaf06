-- One row per provider and moment by which a span had begun: how many of each kind hold then, as what began less what ended.
-- Spans that ended before the first moment that is asked for count as nothing.
with change as (
    select span.counts, span.provider_id, edge.changed_at, edge.difference
    from {{ ref('int_operations__spans') }} as span
    cross join lateral (values (span.from_at, 1), (span.to_at, -1)) as edge (changed_at, difference)
    where edge.changed_at <= {{ as_of() }} and {{ not_settled('span.to_at', days_before=2) }}
),

-- What changes as a day ends has changed by its end.
day as (
    select
        change.provider_id,
        {{ local_day("(change.changed_at - interval '1 microsecond')", 'calendar.time_zone') }} as change_date,
        calendar.as_of_date,
        {%- for counts in ('total_customers', 'active_customers', 'new_customers_30d', 'open_tickets') %}
        sum(change.difference) filter (where change.counts = '{{ counts }}') as {{ counts }}{{ ',' if not loop.last }}
        {%- endfor %}
    from change
    inner join {{ ref('int_providers__calendar') }} as calendar using (provider_id)
    group by change.provider_id, change_date, calendar.as_of_date
),

running as (
    select
        provider_id,
        change_date,
        coalesce(lead(change_date) over changes - 1, as_of_date) as until_date,
        {%- for counts in ('total_customers', 'active_customers', 'new_customers_30d', 'open_tickets') %}
        coalesce(sum({{ counts }}) over changes, 0)::bigint as {{ counts }}{{ ',' if not loop.last }}
        {%- endfor %}
    from day
    window changes as (partition by provider_id order by change_date)
)

select
    moment.provider_id,
    moment.moment,
    moment.as_of_at,
    -- Without any customer nothing is known of customers.
    nullif(running.total_customers, 0) as total_customers,
    case when running.total_customers > 0 then running.active_customers end as active_customers,
    case when running.total_customers > 0 then running.new_customers_30d end as new_customers_30d,
    running.open_tickets
from running
cross join lateral generate_series(running.change_date::timestamp, running.until_date::timestamp, interval '1 day') as day
inner join {{ ref('int_providers__moments') }} as moment
    on moment.provider_id = running.provider_id and moment.as_of_date = day::date
