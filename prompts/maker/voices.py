"""voices.toml: which voice says a recording, and what the engine is told to say."""

import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

_SENTENCE_END = re.compile(r"(?<=[。！？.!?])\s*")

# Raise it with any change to synthesis or mastering that should make every recording anew.
RECIPE_VERSION = 1


class VoicesError(Exception):
    """voices.toml is wrong or says nothing of a language."""


@dataclass(frozen=True)
class Recipe:
    """All that decides how one recording sounds."""

    voice: dict[str, float]
    phonemes_by: str
    as_is: bool
    """`said` is phonemes already."""
    speed: float
    gap: float
    carrier: tuple[str, str] | None
    """Text before and after, to be cut away again."""
    digit: bool
    said: tuple[str, ...]
    """Sentences."""


    def sha256(self) -> str:
        """Hex SHA-256: changes when the recording has to be made again."""
        whole = json.dumps([RECIPE_VERSION, asdict(self)], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(whole.encode("utf-8")).hexdigest()


def sentences(text: str) -> list[str]:
    """Split a text after each full stop, question mark or exclamation mark."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def read(path: Path) -> dict[str, dict]:
    """Return {language: its table}."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))["languages"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as problem:
        raise VoicesError(f"{path.name}: {problem}") from problem


def recipe(language: dict, name: str, text: str) -> Recipe:
    """Work out how one recording is made, from the language's table and the recording's own."""
    digit = name.startswith("digit-")
    own = dict(language.get("digits", {})) if digit else {}
    own |= language.get("recordings", {}).get(name, {})
    unknown = own.keys() - {"say", "phonemes", "speed", "carrier"}
    if unknown:
        raise VoicesError(f"voices.toml: {name}: unknown {sorted(unknown)}")
    carrier = tuple(own["carrier"]) if own.get("carrier") else None
    if carrier and len(carrier) != 2:
        raise VoicesError(f"voices.toml: {name}: a carrier is a text before and a text after")
    said = (own["phonemes"],) if "phonemes" in own else tuple(sentences(said_text(language, name, text)))
    return Recipe(
        voice=language["voice"],
        phonemes_by=language["phonemes"],
        as_is="phonemes" in own,
        speed=float(own.get("speed", language["speed"])),
        gap=float(language["gap"]),
        carrier=carrier,
        digit=digit,
        said=said,
    )


def said_text(language: dict, name: str, text: str) -> str:
    """Return what is said in place of a text: its `say`, and the language's replacements."""
    text = language.get("recordings", {}).get(name, {}).get("say", text)
    for written, spoken in language.get("replace", {}).items():
        text = text.replace(written, spoken)
    return text
