"""Which model should do this job: a small one on your own device or a large one in Azure?"""

__version__ = "0.1.0"
