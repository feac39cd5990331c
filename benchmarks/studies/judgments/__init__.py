"""Training LPIPS on synthetic judgments of a known rule, and networks without labels."""
