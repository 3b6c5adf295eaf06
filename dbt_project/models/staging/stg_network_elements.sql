{{ newest_version('network_elements') }}
