"""§6 Prevention: what to refuse at the door, what timeout to set, what to make faster."""
