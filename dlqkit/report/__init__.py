"""Runbook §6: the facts, the post-mortem that Papermill runs, and its HTML and Markdown."""
