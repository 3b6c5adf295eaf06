{{ newest_version('outages') }}
