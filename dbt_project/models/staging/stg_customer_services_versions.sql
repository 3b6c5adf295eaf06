{{ every_version('customer_services') }}
