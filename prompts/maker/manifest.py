"""The manifest beside a language's recordings: what each one says and how it measures."""

import json
import tomllib
from pathlib import Path

HEADER = "# Made by prompts/make_prompts.py. Do not edit: run it again.\n"


def read(path: Path) -> dict[str, dict]:
    """Return {recording id: its entry}; nothing where there is no manifest yet."""
    if not path.exists():
        return {}
    return tomllib.loads(path.read_text(encoding="utf-8")).get("recordings", {})


def write(path: Path, recordings: dict[str, dict]) -> None:
    """Write every entry, in the order given, never half a file."""
    lines = [HEADER]
    for name, entry in recordings.items():
        lines.append(f"\n[recordings.{json.dumps(name)}]\n")
        lines.extend(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())
    unfinished = path.with_suffix(".part")
    unfinished.write_text("".join(lines), encoding="utf-8")
    unfinished.replace(path)
