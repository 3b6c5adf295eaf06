{{ newest_version('network_topology') }}
