{{ newest_version('service_plans') }}
