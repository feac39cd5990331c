"""Objectives to minimize: lower is better, 0 at a perfect match where theory allows."""
