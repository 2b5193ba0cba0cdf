"""A worker platform in one loopback process, built from the runbook, so that everything can be tried."""
