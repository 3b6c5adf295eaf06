-- One row per provider with services by AS_OF: those in force then. A service that is suspended is not.
select
    service.provider_id,
    count(*) filter (
        where service.activated_at <= {{ as_of() }}
            and (service.deactivated_at is null or service.deactivated_at > {{ as_of() }})
            and service.service_status <> 'suspended'
    ) as active_services
from {{ ref('dim_service') }} as service
where {{ holds_at('service', as_of()) }}
    and service.created_at <= {{ as_of() }}
    and service.service_id <> {{ unknown_id() }}
group by service.provider_id
