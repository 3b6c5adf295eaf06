{{ newest_version('census_blocks') }}
