#!/usr/bin/env python3
"""Make the recorded voices: prompts/LANG/ID.flac and prompts/LANG/manifest.toml.

Reads what is to be said from locales/LANG/spoken.ftl (its terms) and who says it from
prompts/voices.toml. Makes only the recordings that are missing or whose text or voice changed, so
it can be stopped at any time and run again.
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = """examples:
  python3 prompts/make_prompts.py                   every language in voices.toml
  python3 prompts/make_prompts.py ja                Japanese only
  python3 prompts/make_prompts.py en --only ask-id welcome --force
                                                    two recordings again, whatever the manifest says
  python3 prompts/make_prompts.py --check           make nothing; fail if something is out of date

exit codes:
  0  all recordings are there and up to date
  1  a recording could not be made or, with --check, one is out of date
  2  wrong usage, or a text or voices.toml can't be read
  3  the engine or its voices are not installed (see prompts/README.md)
"""
OK, FAILED, BAD_INPUT, NO_ENGINE = 0, 1, 2, 3


def default_cache() -> Path:
    """Where voices are kept between runs: outside the checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tsunagu-voices"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("languages", nargs="*", metavar="LANG", help="languages to make (default: all in voices.toml)")
    parser.add_argument("--only", nargs="+", metavar="ID", default=[], help="only these recordings")
    parser.add_argument("--force", action="store_true", help="make recordings that are up to date, too")
    parser.add_argument("--check", action="store_true", help="make nothing, tell what would be made")
    parser.add_argument("--locales", type=Path, default=HERE.parent / "locales", help="folder of LANG/spoken.ftl")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of LANG/*.flac (default: this script's)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for the downloaded voices")
    return parser.parse_args()


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_current(path: Path, entry: dict | None, text_hash: str, recipe_hash: str) -> bool:
    """Tell whether a recording exists, whole, and says what it should in the voice it should."""
    return (
        entry is not None
        and entry.get("text_sha256") == text_hash
        and entry.get("recipe_sha256") == recipe_hash
        and path.is_file()
        and file_sha256(path) == entry.get("file_sha256")
    )


class Studio:
    """Loads the engine at the first recording that needs it, and makes recordings."""

    def __init__(self, cache: Path):
        self._cache = cache
        self._kokoro = None

    def record(self, recipe, path: Path):
        """Synthesise and master one recording, write it, and return its measures."""
        import numpy as np

        from maker import engine, mastering

        if self._kokoro is None:
            self._kokoro = engine.Kokoro(engine.fetch_voices(self._cache))
        gap = np.zeros(int(recipe.gap * engine.RATE))
        parts = []
        for sentence in recipe.said:
            parts += [mastering.trim(self._say(recipe, sentence), engine.RATE), gap]
        margins = mastering.DIGIT_MARGINS if recipe.digit else mastering.SENTENCE_MARGINS
        path.parent.mkdir(parents=True, exist_ok=True)
        mastering.write_flac(mastering.master(np.concatenate(parts[:-1]), engine.RATE, margins), path)
        return mastering.measure(path)

    def _say(self, recipe, sentence: str):
        """Synthesise one sentence of a recording, within its carrier if it has one."""
        style = self._kokoro.style(recipe.voice)
        phonemes = self._kokoro.phonemes(recipe.phonemes_by, sentence, recipe.as_is)
        if recipe.carrier is None:
            return self._kokoro.say(phonemes, style, recipe.speed)
        before, after = (self._kokoro.phonemes(recipe.phonemes_by, text) for text in recipe.carrier)
        return self._kokoro.say_within(before + " ", phonemes, after, style, recipe.speed)


def make_language(lang: str, table: dict, args: argparse.Namespace, studio: Studio) -> int:
    """Bring one language's recordings up to date; return how many are not."""
    from maker import manifest, spoken, voices

    texts = spoken.read_terms(args.locales / lang / "spoken.ftl")
    unknown = set(args.only) - texts.keys()
    if unknown:
        raise voices.VoicesError(f"{lang}: spoken.ftl has no {sorted(unknown)}")
    manifest_path = args.out / lang / "manifest.toml"
    old = manifest.read(manifest_path)
    entries = {name: old[name] for name in texts if name in old}
    failed = 0
    for number, (name, text) in enumerate(texts.items(), 1):
        recipe = voices.recipe(table, name, text)
        text_hash, recipe_hash = spoken.text_sha256(text), recipe.sha256()
        path = args.out / lang / f"{name}.flac"
        forced = args.force and (not args.only or name in args.only)
        if is_current(path, entries.get(name), text_hash, recipe_hash) and not forced:
            continue
        if args.only and name not in args.only:
            continue
        label = f"[{lang} {number}/{len(texts)}] {name}"
        if args.check:
            print(f"{label}: out of date", file=sys.stderr)
            failed += 1
            continue
        try:
            measures = studio.record(recipe, path)
        except ValueError as problem:
            print(f"{label}: {problem}", file=sys.stderr)
            failed += 1
            continue
        entries[name] = {
            "text_sha256": text_hash,
            "file_sha256": file_sha256(path),
            "recipe_sha256": recipe_hash,
            "duration_ms": measures.duration_ms,
            "lufs": measures.lufs,
            "peak_dbfs": measures.peak_dbfs,
        }
        in_order = {key: entries[key] for key in texts if key in entries}
        manifest.write(manifest_path, in_order)
        print(f"{label}: {measures.duration_ms} ms, {measures.lufs} LUFS, peak {measures.peak_dbfs} dBFS", flush=True)
    failed += tidy(args, lang, texts.keys(), manifest_path, old, entries)
    return failed


def tidy(args: argparse.Namespace, lang: str, names, manifest_path: Path, old: dict, entries: dict) -> int:
    """Drop recordings that spoken.ftl no longer names; with --check, count them instead."""
    from maker import manifest

    extra = [path for path in sorted((args.out / lang).glob("*.flac")) if path.stem not in names]
    if args.check:
        for path in extra:
            print(f"[{lang}] {path.name}: not in spoken.ftl", file=sys.stderr)
        return len(extra)
    for path in extra:
        path.unlink()
        print(f"[{lang}] {path.name}: removed, not in spoken.ftl")
    if old.keys() - names:
        manifest.write(manifest_path, {name: entries[name] for name in names if name in entries})
    return 0


def main() -> int:
    """Run the command; return its exit code."""
    args = arguments()
    try:
        from maker import engine, spoken, voices

        tables = voices.read(HERE / "voices.toml")
        unknown = [lang for lang in args.languages if lang not in tables]
        if unknown:
            raise voices.VoicesError(f"voices.toml has no language {', '.join(unknown)}")
    except ImportError as problem:
        print(f"make_prompts: {problem}; install prompts/requirements.txt first", file=sys.stderr)
        return NO_ENGINE
    except voices.VoicesError as problem:
        print(f"make_prompts: {problem}", file=sys.stderr)
        return BAD_INPUT
    studio = Studio(args.cache)
    failed = 0
    try:
        for lang in args.languages or tables:
            failed += make_language(lang, tables[lang], args, studio)
    except (voices.VoicesError, spoken.SpokenError, OSError) as problem:
        print(f"make_prompts: {problem}", file=sys.stderr)
        return BAD_INPUT
    except (engine.EngineError, ImportError) as problem:
        print(f"make_prompts: {problem}", file=sys.stderr)
        return NO_ENGINE
    if failed:
        print(f"make_prompts: {failed} recordings are not up to date", file=sys.stderr)
        return FAILED
    print("all recordings are up to date")
    return OK


if __name__ == "__main__":
    sys.exit(main())
