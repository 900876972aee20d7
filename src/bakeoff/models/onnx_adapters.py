"""LoRA adapters beside a loaded onnxruntime-genai model, each loaded once and chosen for each answer."""

from pathlib import Path
from typing import Any

from bakeoff.errors import ModelCorruptError, NotSupportedError
from bakeoff.models.onnx_runtime import Runtime, genai


class Adapters:
    """The adapters of one loaded model."""

    def __init__(self, runtime: Runtime):
        self._runtime = runtime
        self._loaded: Any = None
        self._names: set[str] = set()

    def load(self, file: Path) -> None:
        """Load a file unless it is. Raises NotSupportedError for a graph without adapter inputs, ModelCorruptError."""
        if str(file) in self._names:
            return
        if self._loaded is None:
            self._loaded = genai().Adapters(self._runtime.model)
        try:
            self._loaded.load(str(file), str(file))
            generator = self._runtime.generator(2)
            generator.set_active_adapter(self._loaded, str(file))
            generator.append_tokens([self._runtime.start_token])
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            if "Invalid input name" in reason or "Invalid Feed Input Name" in reason:
                raise NotSupportedError(f"this model's graph does not take the adapter {file}: {reason}") from error
            raise ModelCorruptError(f"{file} cannot be used as an adapter: {reason}") from error
        self._names.add(str(file))

    def use(self, generator: Any, file: str) -> None:
        """Let a generator answer with a loaded adapter; before it is given its prompt."""
        generator.set_active_adapter(self._loaded, file)
