{{ every_version('customers') }}
