{{ newest_version('campaign_contacts') }}
