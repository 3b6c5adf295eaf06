{{ newest_version('network_performance') }}
