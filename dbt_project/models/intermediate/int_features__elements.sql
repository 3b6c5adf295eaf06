{# A table, since several models stand on it. #}
{{ config(
    effect={'from': 'changed.as_of_date'}, settles={'period': 'as_of_date', 'margin_days': 1},
    materialized='in_place', contract={'enforced': true}
) }}

-- One row per Monday (and AS_OF) and element in service then, as its version just before says it.
with version as (
    select
        *,
        lag(coalesce(software_version, '')) over (partition by element_id order by valid_from) as earlier_software_version
    from {{ ref('dim_network_element') }}
    where element_id <> {{ unknown_id() }}
),

dated as (
    select
        *,
        max(valid_from) filter (
            where earlier_software_version is null or earlier_software_version <> coalesce(software_version, '')
        ) over (partition by element_id order by valid_from) as software_since_at
    from version
)

select
    as_of.as_of_date,
    as_of.as_of_at,
    as_of.is_latest,
    element.element_id,
    element.element_key,
    element.provider_id,
    element.zone_id,
    element.element_type,
    element.vendor,
    element.model,
    element.software_version,
    nullif(element.software_since_at, '-infinity') as software_since_at,
    -- How many of its model run the same software; null where either is not known.
    case
        when element.software_version is not null and element.model is not null then
            count(*) over (
                partition by as_of.as_of_date, element.vendor, element.model, element.software_version
            )::numeric / count(*) over (partition by as_of.as_of_date, element.vendor, element.model)
    end as software_peer_share,
    element.operational_status,
    element.installed_on,
    element.end_of_support_on,
    element.capacity_mbps,
    {{ local_day('as_of.as_of_at', 'element.time_zone') }} - 1 as last_ended_date
from {{ ref('int_features__dates') }} as as_of
inner join dated as element
    on element.valid_from < as_of.as_of_at and as_of.as_of_at <= element.valid_to
    and element.operational_status not in ('planned', 'retired')
    and (element.installed_on is null or element.installed_on < as_of.as_of_date)
where as_of.cadence = 'week'
