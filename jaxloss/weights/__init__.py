"""Weights of networks: found or fetched, verified, converted, and loaded as plain nested dicts."""

from ._load import load_params as load_params
