{{ newest_version('maintenance_events') }}
