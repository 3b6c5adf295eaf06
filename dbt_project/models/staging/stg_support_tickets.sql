{{ newest_version('support_tickets') }}
