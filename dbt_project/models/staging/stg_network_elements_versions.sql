{{ every_version('network_elements') }}
