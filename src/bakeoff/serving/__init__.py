"""Local models for many callers: an OpenAI-compatible server, and batches that share one copy of a model."""
