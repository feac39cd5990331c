"""Weight files of networks: found or fetched, verified, converted, and loaded as plain nested dicts."""
