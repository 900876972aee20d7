"""Which model should do this job: a small one on your own device or a large one in Azure?"""

import os

__version__ = "0.1.0"

# onnxruntime and onnxruntime-genai report to Microsoft some seconds after their import, unless this was set before it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
