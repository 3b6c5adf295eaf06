{{ config(materialized='view') }}

-- Each part in each form that its plan belongs to, under each set of rules, and why it would be left out. Forms are found
-- once for each kind of plan and device.
with kind as (
    select plan_kind, plan_type, includes, voice_service, device_type, plan_content
    from {{ ref('form477_parts') }}
    group by plan_kind, plan_type, includes, voice_service, device_type, plan_content
),

kind_form as (
    select distinct on (kind.plan_kind, rule.form)
        kind.plan_kind, rule.form, rule.voice_service_type, rule.left_out_reason as reason_of_form
    from kind
    inner join {{ ref('filing_forms') }} as rule
        on (rule.plan_type is null or rule.plan_type = kind.plan_type)
        and (rule.includes_kind is null or coalesce(kind.includes @> to_jsonb(rule.includes_kind), false))
        and (rule.lacks_kind is null or not coalesce(kind.includes @> to_jsonb(rule.lacks_kind), false))
        and (rule.voice_service is null or rule.voice_service = kind.voice_service)
        and (rule.device_type is null or rule.device_type = kind.device_type)
        and (rule.plan_content is null or rule.plan_content = kind.plan_content)
    order by kind.plan_kind, rule.form, rule.rank
),

line as (
    select
        part.*,
        kind_form.form,
        kind_form.voice_service_type,
        kind_form.reason_of_form,
        case
            when kind_form.form = 'fixed_voice'
                then coalesce(part.voice_grade_equivalents, part.voice_lines * part.connections)
            else part.connections
        end as connections_of_form
    from {{ ref('form477_parts') }} as part
    inner join kind_form on kind_form.plan_kind = part.plan_kind
)

select
    line.*,
    rule.rule_set,
    coalesce(rule.is_governing, true) as is_governing,
    technology.fixed_technology_code,
    technology.last_mile,
    place.tract_geoid,
    place.tract_source,
    coalesce(own_state.state_fips, left(dwelling.block_geoid, 2), postal_state.state_fips) as state_fips,
    case
        when own_state.state_fips is not null then 'service_state'
        when dwelling.block_geoid is not null then 'block'
        when postal_state.state_fips is not null then 'customer_state'
    end as state_source,
    case
        when rule.rule_set is null then 'no_rules'
        when line.reason_of_form is not null then line.reason_of_form
        when line.service_status = 'suspended' and not rule.is_suspended_counted then 'suspended'
        when line.form like 'mobile%'
            then case
                when coalesce(own_state.state_fips, dwelling.block_geoid, postal_state.state_fips) is null then 'no_state'
            end
        when technology.last_mile = 'mobile' and line.form = 'fixed_broadband' then 'mobile_technology'
        when greatest(line.speed_mbps_down, line.speed_mbps_up) <= rule.over_mbps_in_either_direction
            or line.speed_mbps_down < rule.at_least_download_mbps
            or line.speed_mbps_up < rule.at_least_upload_mbps then 'too_slow'
        when line.form = 'fixed_voice' and line.sold_by = 'wholesale' then 'wholesale'
        when place.tract_geoid is null then 'no_tract'
    end as left_out_reason
from line
left join {{ ref('form477_rules') }} as rule on rule.as_of_date = line.as_of_date and rule.form = line.form
left join {{ ref('technology_codes') }} as technology on technology.technology_code = line.technology_code
left join {{ ref('form477_places') }} as place
    on place.as_of_date = line.as_of_date and place.service_key = line.service_key and line.form not like 'mobile%'
left join {{ ref('dim_service_place') }} as dwelling on dwelling.service_key = line.service_key
left join {{ ref('state_codes') }} as own_state on own_state.usps_code = upper(btrim(line.service_state))
left join {{ ref('state_codes') }} as postal_state on postal_state.usps_code = upper(btrim(line.customer_state))
