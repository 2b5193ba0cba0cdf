"""Reads the outside world and judges nothing; the only package, with the publisher, where secrets are resolved."""
