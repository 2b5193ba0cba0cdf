"""Where a report is attached: one small interface, and a module for each system."""
