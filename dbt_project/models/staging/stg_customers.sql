{{ newest_version('customers') }}
