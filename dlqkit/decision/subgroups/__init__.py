"""Searching for the conditions that tell failing records from healthy ones."""
