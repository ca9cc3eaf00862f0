"""Rows (integers, then embedding vector) as COPY input, text and binary."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
TRAILER = b"\xff\xff"
CHUNK_ROWS = 4096


def binary(integers: list[np.ndarray], vectors: np.ndarray) -> Iterator[bytes]:
    """COPY BINARY input in pieces; integers are columns, each [n]. A vector is sent as int16 dim, int16 0, then float32s, all big-endian."""
    dim = vectors.shape[1]
    layout = np.dtype(
        [
            ("fields", ">i2"),
            *((name, ">i4") for i in range(len(integers)) for name in (f"length{i}", f"integer{i}")),
            ("length", ">i4"),
            ("dim", ">i2"),
            ("unused", ">i2"),
            ("x", ">f4", (dim,)),
        ]
    )
    yield HEADER
    for start in range(0, len(vectors), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        rows = np.zeros(len(vectors[part]), layout)
        rows["fields"], rows["length"], rows["dim"] = len(integers) + 1, 4 + 4 * dim, dim
        for i, values in enumerate(integers):
            rows[f"length{i}"], rows[f"integer{i}"] = 4, values[part]
        rows["x"] = vectors[part]
        yield rows.tobytes()
    yield TRAILER


def text(integers: list[np.ndarray], vectors: np.ndarray) -> Iterator[bytes]:
    """COPY text input in pieces; integers are columns, each [n]; nine significant digits bring every float32 back."""
    number = "[" + ",".join(["%.9g"] * vectors.shape[1]) + "]"
    for start in range(0, len(vectors), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        rows = zip(*(values[part].tolist() for values in integers), np.asarray(vectors[part], np.float32).tolist())
        lines = ["".join(f"{i}\t" for i in row[:-1]) + f"{number % tuple(row[-1])}\n" for row in rows]
        yield "".join(lines).encode()
