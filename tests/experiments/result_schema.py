"""Write src/bakeoff/experiments/result.schema.json anew from the dataclasses: run this file after changing them."""

import json
from pathlib import Path

from pydantic import TypeAdapter

from bakeoff.experiments import result

PATH = Path(result.__file__).with_name("result.schema.json")


def schema_text() -> str:
    schema = TypeAdapter(result.ExperimentResult).json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
