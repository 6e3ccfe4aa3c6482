"""From raw speech to a recording: trim, filter, level, limit, write FLAC; and measure one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
from scipy.ndimage import minimum_filter1d
from scipy.signal import butter, resample_poly, sosfilt

RATE = 16_000
TARGET_LUFS = -20.0
PEAK_DBFS = -3.0
HIGH_PASS_HZ = 80
SILENCE_DB = -46.0  # below the loudest 10 ms: no speech
FRAME_S, HOP_S = 0.010, 0.0025


@dataclass(frozen=True)
class Margins:
    """Silence to leave around the speech, in seconds."""

    lead: float
    tail: float


SENTENCE_MARGINS = Margins(lead=0.100, tail=0.200)
DIGIT_MARGINS = Margins(lead=0.020, tail=0.060)


@dataclass(frozen=True)
class Measures:
    """What the manifest says about a file's sound."""

    duration_ms: int
    lufs: float
    peak_dbfs: float


def levels_db(audio: np.ndarray, rate: int) -> np.ndarray:
    """RMS level of each 10 ms frame, in dB below the loudest frame."""
    frame, hop = int(FRAME_S * rate), int(HOP_S * rate)
    if len(audio) < frame:
        return np.zeros(1)
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), frame)[::hop]
    power = (frames**2).mean(axis=1) + 1e-12
    return 10 * np.log10(power / power.max())


def spans(audio: np.ndarray, rate: int, pause: float) -> list[tuple[int, int]]:
    """Sample ranges of speech, where a gap of at least `pause` seconds separates two."""
    hop = int(HOP_S * rate)
    loud = np.flatnonzero(levels_db(audio, rate) > SILENCE_DB)
    if len(loud) == 0:
        return []
    breaks = np.flatnonzero(np.diff(loud) > pause / HOP_S)
    starts = np.concatenate(([loud[0]], loud[breaks + 1]))
    ends = np.concatenate((loud[breaks], [loud[-1]]))
    tail = int(FRAME_S * rate)
    return [(int(s) * hop, min(len(audio), int(e) * hop + tail)) for s, e in zip(starts, ends)]


def trim(audio: np.ndarray, rate: int) -> np.ndarray:
    """Cut the silence off both ends, with short fades so that nothing clicks."""
    found = spans(audio, rate, pause=len(audio) / rate + 1)
    if not found:
        return audio[:0]
    start = max(0, found[0][0] - int(0.005 * rate))
    end = min(len(audio), found[0][1] + int(0.015 * rate))
    return fade(audio[start:end], rate)


def fade(audio: np.ndarray, rate: int, rise: float = 0.004, fall: float = 0.015) -> np.ndarray:
    """Return a copy that starts and ends at nothing."""
    audio = audio.astype(np.float64)
    up, down = min(int(rise * rate), len(audio)), min(int(fall * rate), len(audio))
    audio[:up] *= np.linspace(0, 1, up)
    audio[len(audio) - down :] *= np.linspace(1, 0, down)
    return audio


def loudness(audio: np.ndarray, rate: int) -> float:
    """Integrated loudness (ITU-R BS.1770), in LUFS.

    The standard weighs whole blocks of 400 ms, too coarse for a word: a recording under 3 s is
    repeated to fill 3 s, as a row of spoken digits would.
    """
    if len(audio) == 0:
        return -np.inf
    repeats = int(np.ceil(3 * rate / len(audio)))
    return float(pyloudnorm.Meter(rate).integrated_loudness(np.tile(audio, repeats)))


def limit(audio: np.ndarray, rate: int, ceiling: float) -> np.ndarray:
    """Turn peaks down to `ceiling` with a gain that moves smoothly and sees them coming."""
    need = np.minimum(1.0, ceiling / np.maximum(np.abs(audio), 1e-9))
    width = int(0.005 * rate) | 1
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(minimum_filter1d(need, width), width // 2, mode="edge")
    return audio * np.convolve(padded, window / window.sum(), mode="valid")


def master(speech: np.ndarray, rate: int, margins: Margins) -> np.ndarray:
    """Return the finished recording at 16 kHz, as 16-bit samples."""
    filtered = sosfilt(butter(2, HIGH_PASS_HZ, "highpass", fs=rate, output="sos"), speech)
    audio = trim(resample_poly(filtered, RATE, rate), RATE)
    if len(audio) == 0:
        raise ValueError("the engine made no sound")
    audio = np.concatenate(
        (np.zeros(int(margins.lead * RATE)), audio, np.zeros(int(margins.tail * RATE)))
    )
    ceiling = 10 ** ((PEAK_DBFS - 0.1) / 20)
    gain_db = 0.0
    for _ in range(6):
        levelled = limit(audio * 10 ** (gain_db / 20), RATE, ceiling)
        gain_db += TARGET_LUFS - loudness(levelled, RATE)
    return np.round(levelled * 32767).astype(np.int16)


def write_flac(samples: np.ndarray, path: Path) -> None:
    """Write a FLAC file in place of any older one, never half of one."""
    unfinished = path.with_suffix(".part")
    soundfile.write(unfinished, samples, RATE, format="FLAC", subtype="PCM_16", compression_level=1.0)
    unfinished.replace(path)


def measure(path: Path) -> Measures:
    """Read a recording back and measure it; raise ValueError where it is out of bounds."""
    info = soundfile.info(path)
    if (info.format, info.subtype, info.samplerate, info.channels) != ("FLAC", "PCM_16", RATE, 1):
        raise ValueError(f"{path.name}: not FLAC, 16 bit, {RATE} Hz, mono")
    samples, rate = soundfile.read(path, dtype="float64")
    peak = 20 * np.log10(max(np.abs(samples).max(), 1e-9))
    found = Measures(round(1000 * len(samples) / rate), round(loudness(samples, rate), 1), round(peak, 1))
    if abs(found.lufs - TARGET_LUFS) > 1:
        raise ValueError(f"{path.name}: {found.lufs} LUFS, wanted {TARGET_LUFS} ±1")
    if peak > PEAK_DBFS:
        raise ValueError(f"{path.name}: peak {found.peak_dbfs} dBFS, at most {PEAK_DBFS} allowed")
    return found
