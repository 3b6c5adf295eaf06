"""Who may see what: the roles as data, what makes the database follow them, logins, and the audit trail.

Not here: the models; the pages that people use.
"""
