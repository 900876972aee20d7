"""A run that kills itself, as `kill -9` would, when the model is asked for the fourth time (test_benchmark_run.py)."""

import os
import signal
import sys
from pathlib import Path

from benchmarks_data import ScriptedModel, steady

from bakeoff.benchmarks.mmlu import LETTERS
from bakeoff.benchmarks.run import Settings, run_task


class DyingModel(ScriptedModel):
    def loglikelihood(self, prefix, continuations, overflow="error"):  # type: ignore[no-untyped-def]
        if len(self.asked) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loglikelihood(prefix, continuations, overflow)


if __name__ == "__main__":
    run_task(LETTERS, DyingModel(steady), Settings(data=Path(sys.argv[1])), Path(sys.argv[2]), print)
