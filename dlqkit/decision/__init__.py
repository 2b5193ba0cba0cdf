"""Runbook §4: which error, which class, what changed before, what to do."""
