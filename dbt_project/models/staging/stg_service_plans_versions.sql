{{ every_version('service_plans') }}
