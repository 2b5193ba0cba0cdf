"""Figures of finished frames: UTC, colour never alone, gaps hatched, alternative text computed."""
