"""Reads what is to be spoken: the terms of a language's spoken.ftl."""

import hashlib
from pathlib import Path

from fluent.syntax import ast, parse


class SpokenError(Exception):
    """spoken.ftl holds something that can't be one recording."""


def read_terms(path: Path) -> dict[str, str]:
    """Return {recording id: text} for every term (`-name = text`), in file order.

    Messages are left out: they only say in which order recordings are played.
    """
    texts: dict[str, str] = {}
    for entry in parse(path.read_text(encoding="utf-8")).body:
        if isinstance(entry, ast.Junk):
            raise SpokenError(f"{path}: not Fluent: {entry.content.strip()[:60]!r}")
        if isinstance(entry, ast.Term):
            texts[entry.id.name] = _plain_text(entry, path)
    return texts


def text_sha256(text: str) -> str:
    """Hex SHA-256 of the text as UTF-8: what the manifest keeps and the program compares."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _plain_text(term: ast.Term, path: Path) -> str:
    parts = term.value.elements
    if not all(isinstance(part, ast.TextElement) for part in parts):
        raise SpokenError(f"{path}: -{term.id.name} has a placeable; a recording is plain text")
    return "".join(part.value for part in parts).strip()
