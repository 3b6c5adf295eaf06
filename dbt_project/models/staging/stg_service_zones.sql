{{ newest_version('service_zones') }}
