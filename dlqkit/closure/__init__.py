"""Runbook §7: whether an incident may be closed, by measurement and by people's word."""
