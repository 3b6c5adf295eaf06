"""Network security monitoring: abnormal traffic and connections, settings that invite attacks, what both add up to.

Not here: databases; how findings live on from run to run (orchestration.analytics.findings).
"""
