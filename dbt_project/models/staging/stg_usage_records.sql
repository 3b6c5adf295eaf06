{{ newest_version('usage_records') }}
