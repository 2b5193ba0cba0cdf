"""Runbook §3: what the execution records tell: timeline, durations, one event's history."""
