"""Is the matplotlib code that a model wrote for a chart right? Read it, run it under guard, compare what it drew."""
