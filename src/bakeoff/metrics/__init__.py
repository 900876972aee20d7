"""Metrics as pure functions; the host logs them."""
