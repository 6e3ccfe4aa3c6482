#!/usr/bin/env python3
"""Encode recordings in G.729: LANG/ID.g729 beside each LANG/ID.flac.

The program has no G.729 encoder; it sends these frames as they are. A file is the recording's frames of
10 octets, 10 ms each, in their order, as an encoder gives them that has heard silence before.
"""

import argparse
import ctypes
import ctypes.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = """examples:
  python3 prompts/encode_g729.py                    every language here
  python3 prompts/encode_g729.py data/languages/fr  a language pack
  python3 prompts/encode_g729.py --check            make nothing; fail if a file is missing or differs

exit codes:
  0  every recording is encoded
  1  with --check, one is not
  3  bcg729 (Debian: libbcg729-0) or prompts/requirements.txt is not installed
"""
OK, DIFFERS, NO_ENCODER = 0, 1, 3
RATE, FRAME_SAMPLES, FRAME_OCTETS = 8000, 80, 10
SILENCE_BEFORE = 50  # frames, until the encoder has settled


class Encoder:
    """One G.729 Annex A encoder, through the bcg729 library; it sends no comfort noise frames."""

    def __init__(self):
        name = ctypes.util.find_library("bcg729")
        if name is None:
            raise OSError("bcg729 is not installed (Debian: libbcg729-0)")
        self._library = ctypes.CDLL(name)
        self._library.initBcg729EncoderChannel.restype = ctypes.c_void_p
        self._library.initBcg729EncoderChannel.argtypes = [ctypes.c_uint8]
        self._library.bcg729Encoder.argtypes = [ctypes.c_void_p] * 4
        self._library.closeBcg729EncoderChannel.argtypes = [ctypes.c_void_p]

    def encode(self, samples) -> bytes:
        """Encode 16-bit samples at 8 kHz, a whole number of frames."""
        channel = self._library.initBcg729EncoderChannel(0)
        out, length = (ctypes.c_uint8 * FRAME_OCTETS)(), ctypes.c_uint8()
        frames = bytearray()
        for start in range(0, len(samples), FRAME_SAMPLES):
            frame = (ctypes.c_int16 * FRAME_SAMPLES)(*samples[start : start + FRAME_SAMPLES])
            self._library.bcg729Encoder(channel, frame, out, ctypes.byref(length))
            frames += bytes(out)
        self._library.closeBcg729EncoderChannel(channel)
        return bytes(frames)


def frames_of(encoder: Encoder, recording: Path) -> bytes:
    """A recording's frames, an even number: a packet carries two."""
    import numpy as np
    import soundfile
    from scipy.signal import resample_poly

    audio, rate = soundfile.read(recording)
    narrow = resample_poly(audio, RATE, rate)
    samples = np.clip(np.round(narrow * 32767), -32768, 32767).astype(int)
    packet = 2 * FRAME_SAMPLES
    padded = np.concatenate([
        np.zeros(SILENCE_BEFORE * FRAME_SAMPLES, dtype=int),
        samples,
        np.zeros(-len(samples) % packet, dtype=int),
    ])
    return encoder.encode(padded.tolist())[SILENCE_BEFORE * FRAME_OCTETS :]


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, help="folders of recordings (default: every language here)")
    parser.add_argument("--check", action="store_true", help="make nothing, tell what would be made")
    args = parser.parse_args()
    folders = args.folders or sorted({path.parent for path in HERE.glob("*/*.flac")})
    try:
        encoder = Encoder()
        differing = 0
        for folder in folders:
            recordings = sorted(folder.glob("*.flac"))
            for recording in recordings:
                encoded, frames = recording.with_suffix(".g729"), frames_of(encoder, recording)
                if encoded.is_file() and encoded.read_bytes() == frames:
                    continue
                differing += 1
                if args.check:
                    print(f"{encoded}: missing or differs", file=sys.stderr)
                else:
                    encoded.write_bytes(frames)
            left = {path for path in folder.glob("*.g729") if not path.with_suffix(".flac").is_file()}
            differing += len(left)
            for path in sorted(left):
                print(f"{path}: no recording of that name", file=sys.stderr)
                if not args.check:
                    path.unlink()
            print(f"{folder.name}: {len(recordings)} recordings")
    except (OSError, ImportError) as problem:
        print(f"encode_g729: {problem}", file=sys.stderr)
        return NO_ENCODER
    return DIFFERS if args.check and differing else OK


if __name__ == "__main__":
    sys.exit(main())
