{{ newest_version('payments') }}
