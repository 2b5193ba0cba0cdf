"""Before the first incident: each source is tried live, and ``dlqkit.toml`` is written from what was seen."""
