"""What knows the tools that run the flows; the only package that imports promptflow."""
