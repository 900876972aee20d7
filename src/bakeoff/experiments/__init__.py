"""Contenders over the same rows of the same task: paired statistics and a verdict."""
