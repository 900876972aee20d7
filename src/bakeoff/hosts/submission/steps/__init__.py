"""What a pipeline does before, between and after its parallel steps, on the compute: number rows, join, merge.

Each streams, so that data may be larger than memory. Only `merge` imports Prompt Flow, to run the aggregate node of an
evaluation.
"""
