{{ newest_version('customer_services') }}
