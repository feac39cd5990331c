"""Closed-form metrics: one file per paper family."""
