{{ newest_version('providers') }}
