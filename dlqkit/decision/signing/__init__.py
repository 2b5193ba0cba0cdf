"""From error texts to signatures: masks, templates, merging, and groups of events."""
