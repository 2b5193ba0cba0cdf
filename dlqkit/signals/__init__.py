"""Runbook §1: the five signals of an incident, since when, until when."""
