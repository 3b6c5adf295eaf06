{{ config(materialized='view') }}

-- Straight from the parts, past every join that finds a connection's place: what the files and left-outs add up to.
with form as (
    select distinct form from {{ ref('filing_forms') }}
),

part as (
    select
        as_of_date, provider_id, plan_type, includes, voice_service, device_type, plan_content,
        sum(connections) as connections,
        sum(coalesce(voice_grade_equivalents, voice_lines * connections)) as voice_connections
    from {{ ref('form477_parts') }}
    group by as_of_date, provider_id, plan_type, includes, voice_service, device_type, plan_content
)

select
    part.as_of_date,
    part.provider_id,
    form.form,
    sum(case when form.form = 'fixed_voice' then part.voice_connections else part.connections end)::bigint as connections
from part
cross join form
where exists (
    select
    from {{ ref('filing_forms') }} as rule
    where rule.form = form.form
        and (rule.plan_type is null or rule.plan_type = part.plan_type)
        and (rule.includes_kind is null or part.includes @> to_jsonb(rule.includes_kind))
        and (rule.lacks_kind is null or not part.includes @> to_jsonb(rule.lacks_kind))
        and (rule.voice_service is null or rule.voice_service = part.voice_service)
        and (rule.device_type is null or rule.device_type = part.device_type)
        and (rule.plan_content is null or rule.plan_content = part.plan_content)
)
group by part.as_of_date, part.provider_id, form.form
