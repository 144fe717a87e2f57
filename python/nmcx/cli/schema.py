"""`nmcx schema`: JSON Schema of the run files."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    schema = commands.add_parser(
        "schema",
        parents=[shared],
        help="JSON Schema of the run file, for editors and programs",
        description="Print the JSON Schema of the run file: sections, keys, types, bounds, "
        "defaults and meanings.",
    )
    schema.add_argument("--simulation", action="store_true", help="of that of `nmcx simulate`")
    schema.set_defaults(act=_schema)


def _schema(arguments: argparse.Namespace) -> int:
    from nmcx import run_file

    kind = run_file.SimulationFile if arguments.simulation else run_file.RunFile
    print(json.dumps(run_file.schema(kind), indent=2, ensure_ascii=False, allow_nan=False))
    return 0
