"""One interface to every model, and its providers."""
