"""The public benchmark suites: load the data, write the prompts, score the answers, each suite one file."""
