{{ newest_version('bill_charges') }}
