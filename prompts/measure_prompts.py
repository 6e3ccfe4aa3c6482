#!/usr/bin/env python3
"""Measure the recorded voices and write prompts/MEASURED.md.

Each recording goes through a telephone line (G.711 µ-law, 8 kHz) to Whisper-base, and what it heard
is compared with what was to be said (character error rate). DNSMOS P.808 guesses how it sounds,
from 1 to 5. A digit is measured in rows of four, as a caller hears it.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from make_prompts import default_cache

HERE = Path(__file__).resolve().parent
EXAMPLES = """examples:
  python3 prompts/measure_prompts.py         every language in voices.toml, and write MEASURED.md
  python3 prompts/measure_prompts.py ja      Japanese only, printed; MEASURED.md stays as it is
  python3 prompts/measure_prompts.py ja --only digit-2 ask-id

exit codes:
  0  measured
  1  a recording is missing
  2  wrong usage, or a text or voices.toml can't be read
  3  Whisper, its model or DNSMOS is not installed (see prompts/requirements.txt)
"""
OK, MISSING, BAD_INPUT, NOT_INSTALLED = 0, 1, 2, 3
ROWS = ((0, 3, 7, 0), (0, 5, 2, 4))  # added to a digit, modulo 10
ABOUT = """# How the recordings measure

Made by `prompts/measure_prompts.py`; do not edit.

- **CER**: character error rate of Whisper-base after 8 kHz µ-law. Spelling doesn't count: English is
  compared by letters, with numerals as words; Japanese by its reading in kana. Japanese scores hold
  OpenJTalk's misreadings of what Whisper wrote, too. A digit's CER is that of rows of four digits in
  a sentence; the key names (star, pound) are heard alone, which Whisper does badly.
- **DNSMOS**: DNSMOS P.808 of the 16 kHz recording, 1 (bad) to 5. It repeats what is under 9 s, so
  it says little about a single word.
- LUFS and peak (dBFS): see `manifest.toml`. A recording under 3 s is repeated to fill 3 s.

A machine measured this. Nobody native has listened yet.
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    cer: float
    letters: int
    mos: float
    heard: str


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("languages", nargs="*", metavar="LANG", help="languages to measure (default: all)")
    parser.add_argument("--only", nargs="+", metavar="ID", default=[], help="only these recordings")
    parser.add_argument("--locales", type=Path, default=HERE.parent / "locales", help="folder of LANG/spoken.ftl")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for the put-together model")
    return parser.parse_args()


class Bench:
    """Measures the recordings of one language."""

    def __init__(self, lang: str, table: dict, texts: dict[str, str], whisper):
        self._lang, self._table, self._texts, self._whisper = lang, table, texts, whisper

    def load(self, name: str):
        """Samples of a recording."""
        import soundfile

        return soundfile.read(HERE / self._lang / f"{name}.flac", dtype="float32")[0]

    def measure(self, name: str, text: str) -> Row:
        """Measure one recording."""
        from speechmos import dnsmos

        from maker import hearing

        samples = self.load(name)
        mos = float(dnsmos.run(samples, sr=hearing.RATE)["p808_mos"])
        key = name.removeprefix("digit-")
        if key.isdigit():
            cer, letters, shown = self._in_rows(int(key))
        else:
            shown = self._whisper.hear(samples, self._lang)
            wanted = self._sounds(text)
            cer, letters = hearing.error_rate(wanted, self._sounds(shown)), len(wanted)
        return Row(name, cer, letters, mos, shown if cer else "")

    def _sounds(self, text: str) -> str:
        """Reduce a text to its sound, with the language's replacements (heard text has them too)."""
        from maker import hearing, voices

        replaced = voices.said_text({"replace": self._table.get("replace", {})}, "", text)
        return hearing.sounds(replaced, self._lang)

    def _in_rows(self, digit: int) -> tuple[float, int, str]:
        """Play a digit among others in a sentence; return CER, letters of the digits, what was heard."""
        import numpy as np

        from maker import hearing

        lead, tail = "confirm-lead", "number-tail"
        if not (HERE / self._lang / f"{tail}.flac").exists():
            tail = None
        wrong, letters, shown = 0, 0, []
        for steps in ROWS:
            row = [(digit + step) % 10 for step in steps]
            names = [lead, *(f"digit-{d}" for d in row), *([tail] if tail else [])]
            text = self._whisper.hear(np.concatenate([self.load(name) for name in names]), self._lang)
            numerals = "".join(map(str, row))
            wanted = self._sounds(self._texts[lead] + numerals + self._texts.get(tail, ""))
            errors = hearing.edits(wanted, self._sounds(text))
            wrong += errors
            letters += len(self._sounds(numerals))
            if errors:
                shown.append(f"{numerals}: {text}")
        return 100 * wrong / letters, letters, " / ".join(shown)


def table_of(lang: str, rows: list[Row], entries: dict[str, dict]) -> str:
    """Return a language's section of MEASURED.md."""
    speech = [row for row in rows if not row.name.startswith("digit-")]
    digits = [row for row in rows if row.name.removeprefix("digit-").isdigit()]
    letters = sum(row.letters for row in speech)
    lines = [f"\n## {lang}\n"]
    if speech:
        lines.append(
            f"{len(rows)} recordings. Sentences: CER {sum(r.cer * r.letters for r in speech) / letters:.1f} % of "
            f"{letters} characters, DNSMOS median {median(r.mos for r in speech):.2f}, "
            f"lowest {min(r.mos for r in speech):.2f}."
        )
    if digits:
        lines.append(f"Digits in rows: CER {mean(row.cer for row in digits):.1f} %.")
    lines += ["", "| recording | ms | LUFS | peak | CER % | DNSMOS | heard, where it differs |", "|---|--:|--:|--:|--:|--:|---|"]
    for row in rows:
        entry = entries[row.name]
        heard = row.heard.replace("|", "/")
        heard = heard if len(heard) <= 120 else heard[:119] + "…"
        lines.append(
            f"| {row.name} | {entry['duration_ms']} | {entry['lufs']} | {entry['peak_dbfs']} "
            f"| {row.cer:.1f} | {row.mos:.2f} | {heard} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the command; return its exit code."""
    args = arguments()
    try:
        import speechmos.dnsmos  # noqa: F401  (fail before the long part)

        from maker import hearing, manifest, spoken, voices

        whisper = hearing.Whisper(args.cache)
    except ImportError as problem:
        print(f"measure_prompts: {problem}; install prompts/requirements.txt first", file=sys.stderr)
        return NOT_INSTALLED
    sections = []
    try:
        tables = voices.read(HERE / "voices.toml")
        for lang in args.languages or tables:
            if lang not in tables:
                raise voices.VoicesError(f"voices.toml has no language {lang}")
            texts = spoken.read_terms(args.locales / lang / "spoken.ftl")
            entries = manifest.read(HERE / lang / "manifest.toml")
            bench = Bench(lang, tables[lang], texts, whisper)
            rows = []
            for number, (name, text) in enumerate(texts.items(), 1):
                if args.only and name not in args.only:
                    continue
                row = bench.measure(name, text)
                rows.append(row)
                print(f"[{lang} {number}/{len(texts)}] {name}: CER {row.cer:.1f} %, DNSMOS {row.mos:.2f} {row.heard}", flush=True)
            sections.append(table_of(lang, rows, entries))
    except (FileNotFoundError, KeyError) as problem:
        print(f"measure_prompts: missing: {problem}; run make_prompts.py first", file=sys.stderr)
        return MISSING
    except (voices.VoicesError, spoken.SpokenError, OSError, RuntimeError) as problem:
        print(f"measure_prompts: {problem}", file=sys.stderr)
        return BAD_INPUT
    report = ABOUT + "".join(sections)
    if args.languages or args.only:
        print(report)
    else:
        (HERE / "MEASURED.md").write_text(report, encoding="utf-8")
    return OK


if __name__ == "__main__":
    sys.exit(main())
