{{ config(materialized='view') }}

-- Each part in each form that its plan belongs to, under each set of rules, and why it would be left out.
with placed_form as (
    select distinct on (part.as_of_date, part.service_key, part.plan_id, rule.form)
        part.*,
        rule.form,
        rule.voice_service_type,
        rule.left_out_reason as reason_of_form,
        case
            when rule.form = 'fixed_voice'
                then coalesce(part.voice_grade_equivalents, part.voice_lines * part.connections)
            else part.connections
        end as connections_of_form
    from {{ ref('form477_parts') }} as part
    left join {{ ref('dim_device') }} as device on device.device_id = part.device_id
    inner join {{ ref('filing_forms') }} as rule
        on (rule.plan_type is null or rule.plan_type = part.plan_type)
        and (rule.includes_kind is null or coalesce(part.includes @> to_jsonb(rule.includes_kind), false))
        and (rule.lacks_kind is null or not coalesce(part.includes @> to_jsonb(rule.lacks_kind), false))
        and (rule.voice_service is null or rule.voice_service = part.voice_service)
        and (rule.device_type is null or rule.device_type = device.device_type)
        and (rule.plan_content is null or rule.plan_content = part.plan_content)
    order by part.as_of_date, part.service_key, part.plan_id, rule.form, rule.rank
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
            then case when coalesce(own_state.state_fips, dwelling.block_geoid, postal_state.state_fips) is null then 'no_state' end
        when technology.last_mile = 'mobile' and line.form = 'fixed_broadband' then 'mobile_technology'
        when greatest(line.speed_mbps_down, line.speed_mbps_up) <= rule.over_mbps_in_either_direction
            or line.speed_mbps_down < rule.at_least_download_mbps
            or line.speed_mbps_up < rule.at_least_upload_mbps then 'too_slow'
        when line.form = 'fixed_voice' and line.sold_by = 'wholesale' then 'wholesale'
        when place.tract_geoid is null then 'no_tract'
    end as left_out_reason
from placed_form as line
left join {{ ref('form477_rules') }} as rule on rule.as_of_date = line.as_of_date and rule.form = line.form
left join {{ ref('technology_codes') }} as technology on technology.technology_code = line.technology_code
left join {{ ref('form477_places') }} as place
    on place.as_of_date = line.as_of_date and place.service_key = line.service_key and line.form not like 'mobile%'
left join {{ ref('dim_service_place') }} as dwelling on dwelling.service_key = line.service_key
left join {{ ref('state_codes') }} as own_state on own_state.usps_code = upper(btrim(line.service_state))
left join {{ ref('dim_customer') }} as customer
    on customer.customer_id = line.customer_id and {{ holds_at('customer', 'line.closing_at') }}
left join {{ ref('state_codes') }} as postal_state on postal_state.usps_code = upper(btrim(customer.state))
