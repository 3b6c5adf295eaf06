{{ newest_version('bills') }}
