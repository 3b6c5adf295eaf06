{{ newest_version('service_quality') }}
