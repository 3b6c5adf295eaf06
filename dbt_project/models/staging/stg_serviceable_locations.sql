{{ newest_version('serviceable_locations') }}
