{{ config(materialized='view') }}

-- Straight from the parts, past every join that finds a connection's place: what the files and left-outs add up to.
select
    part.as_of_date,
    part.provider_id,
    form.form,
    sum(
        case
            when form.form = 'fixed_voice'
                then coalesce(part.voice_grade_equivalents, part.voice_lines * part.connections)
            else part.connections
        end
    )::bigint as connections
from {{ ref('form477_parts') }} as part
cross join (select distinct form from {{ ref('filing_forms') }}) as form
where exists (
    select
    from {{ ref('filing_forms') }} as rule
    where rule.form = form.form
        and (rule.plan_type is null or rule.plan_type = part.plan_type)
        and (rule.includes_kind is null or part.includes @> to_jsonb(rule.includes_kind))
        and (rule.lacks_kind is null or not part.includes @> to_jsonb(rule.lacks_kind))
        and (rule.voice_service is null or rule.voice_service = part.voice_service)
        and (
            rule.device_type is null or rule.device_type = (
                select device.device_type from {{ ref('dim_device') }} as device where device.device_id = part.device_id
            )
        )
        and (rule.plan_content is null or rule.plan_content = part.plan_content)
)
group by part.as_of_date, part.provider_id, form.form
