"""Rows (id integer, attr integer, embedding vector) as COPY input, text and binary."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
TRAILER = b"\xff\xff"
CHUNK_ROWS = 4096


def binary(ids: np.ndarray, attributes: np.ndarray, vectors: np.ndarray) -> Iterator[bytes]:
    """COPY BINARY input in pieces. A vector is sent as int16 dim, int16 0, then float32s, all big-endian."""
    dim = vectors.shape[1]
    layout = np.dtype(
        [
            ("fields", ">i2"),
            ("id_length", ">i4"),
            ("id", ">i4"),
            ("attr_length", ">i4"),
            ("attr", ">i4"),
            ("length", ">i4"),
            ("dim", ">i2"),
            ("unused", ">i2"),
            ("x", ">f4", (dim,)),
        ]
    )
    yield HEADER
    for start in range(0, len(ids), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        rows = np.zeros(len(ids[part]), layout)
        rows["fields"], rows["id_length"], rows["attr_length"] = 3, 4, 4
        rows["length"], rows["dim"] = 4 + 4 * dim, dim
        rows["id"], rows["attr"], rows["x"] = ids[part], attributes[part], vectors[part]
        yield rows.tobytes()
    yield TRAILER


def text(ids: np.ndarray, attributes: np.ndarray, vectors: np.ndarray) -> Iterator[bytes]:
    """COPY text input in pieces; nine significant digits bring every float32 back."""
    number = "[" + ",".join(["%.9g"] * vectors.shape[1]) + "]"
    for start in range(0, len(ids), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        lines = [
            f"{i}\t{a}\t{number % tuple(v)}\n"
            for i, a, v in zip(ids[part], attributes[part], np.asarray(vectors[part], np.float32).tolist())
        ]
        yield "".join(lines).encode()
