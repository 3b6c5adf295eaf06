"""The filing desk: web pages for compliance, acting through each person's own database role.

Not here: what a package is and its states (orchestration.regulatory); rights (orchestration.access).
"""
