"""The pieces in which one speaks with the supervisor, and how its own are told from forged ones.

A frame is one byte of kind, four bytes of length (big-endian) and the payload. Before any program runs, the supervisor
is given a key; from then on a proof follows each of its frames, made with that key, the frame and its number. Where a
program can write to the supervisor's line, which gVisor does not prevent, what it writes has none.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from collections.abc import Iterator
from hashlib import blake2b

HEADER = struct.Struct(">cI")
NUMBER = struct.Struct(">Q")
CHUNK = 256 * 1024
LARGEST_FRAME = 1024 * 1024
KEY_SIZE = 32
PROOF_SIZE = 16
"""Bytes: who has one try, and no way to know whether it was near, does not guess these."""


class ProtocolError(Exception):
    """The other end does not speak as the supervisor does."""


class Forged(ProtocolError):
    """A frame is not the supervisor's."""


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._key = b""
        self._number = 0

    def demand_proof(self) -> bytes | None:
        """Believe nothing any more without a proof; the key that the supervisor must be given, the first time."""
        if self._key:
            return None
        self._key = secrets.token_bytes(KEY_SIZE)
        return self._key

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Whole frames so far.

        Raises:
            ProtocolError: a frame is larger than any that the supervisor sends.
            Forged: a frame has not the proof that was demanded.
        """
        self._buffer += chunk
        while len(self._buffer) >= HEADER.size:
            kind, size = HEADER.unpack_from(self._buffer)
            if size > LARGEST_FRAME:
                raise (Forged if self._key else ProtocolError)(f"a frame of {size} bytes")
            end = HEADER.size + size
            whole = end + (PROOF_SIZE if self._key else 0)
            if len(self._buffer) < whole:
                return
            payload = bytes(self._buffer[HEADER.size : end])
            if self._key:
                self._check(bytes(self._buffer[:end]), bytes(self._buffer[end:whole]))
            del self._buffer[:whole]
            yield kind, payload

    def _check(self, frame: bytes, proof: bytes) -> None:
        if not hmac.compare_digest(proof, prove(self._key, self._number, frame)):
            raise Forged("a frame without the supervisor's proof")
        self._number += 1


def make(kind: bytes, payload: bytes) -> bytes:
    return HEADER.pack(kind, len(payload)) + payload


def prove(key: bytes, number: int, frame: bytes) -> bytes:
    """That who has the key sent this frame, the one with this number counted from 0."""
    return blake2b(NUMBER.pack(number) + frame, key=key, digest_size=PROOF_SIZE).digest()
