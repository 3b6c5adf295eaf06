{{ config(
    effect={'from': 'changed.contacted_at'},
    indexes=[{'columns': ['campaign_id']}, {'columns': ['customer_id', 'contacted_at']}]
) }}

-- A contact belongs to its service's provider, else to the customer's primary one then.
with owned as (
    select
        contact.*,
        {{ owner_columns('contact', 'contacted_at') }}
    from {{ ref('stg_campaign_contacts') }} as contact
    {{ owner_joins('contact', 'contacted_at') }}
)

select
    owned.contact_id,
    owned.campaign_id,
    owned.campaign_name,
    owned.customer_id,
    coalesce(owned.customer_key, {{ unknown_key() }}) as customer_key,
    owned.service_id,
    coalesce(owned.service_key, {{ unknown_key() }}) as service_key,
    owned.provider_id,
    coalesce(owned.zone_id, {{ unknown_id() }}) as zone_id,
    {{ local_day('owned.contacted_at', 'provider.time_zone') }} as contacted_date,
    owned.contacted_at,
    owned.channel,
    owned.offer_code,
    owned.offer_cost,
    owned.currency,
    owned.is_control,
    owned.cpni_used,
    owned.to_third_party,
    owned.outcome,
    owned.updated_at
from owned
inner join {{ ref('dim_provider') }} as provider on provider.provider_id = owned.provider_id
