"""Metrics and losses made of a network's features."""
