{{ newest_version('service_orders') }}
