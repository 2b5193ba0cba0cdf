"""The evidence of an incident: what to ask, how it is kept, and how it is read again."""
