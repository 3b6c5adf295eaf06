{{ newest_version('devices') }}
