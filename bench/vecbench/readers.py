"""Reads vectors from texmex (.fvecs, .bvecs, .ivecs), NumPy (.npy) and ann-benchmarks (.hdf5) files.

Large files are mapped, not read: what is returned may be a view of the file and is only good for reading.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import BenchError

MAX_DIMENSIONS = 16000
TEXMEX_TYPES: dict[str, np.dtype] = {".fvecs": np.dtype("<f4"), ".ivecs": np.dtype("<i4"), ".bvecs": np.dtype("u1")}
VECTOR_SUFFIXES = (".fvecs", ".bvecs", ".npy", ".hdf5", ".h5")


def read_texmex(path: Path) -> np.ndarray:
    """The rows [n, dim] of a texmex file, as a view of the mapped file.

    Raises BenchError when the size does not fit the dimension or rows differ in dimension.
    """
    kind = TEXMEX_TYPES[path.suffix]
    size = path.stat().st_size
    if size < 4:
        raise BenchError(f"{path}: too short for a {path.suffix} file ({size} bytes)")
    raw = np.memmap(path, np.uint8, "r")
    dim = int(raw[:4].view("<i4")[0])
    if not 1 <= dim <= MAX_DIMENSIONS:
        raise BenchError(f"{path}: the first row says {dim} dimensions, which cannot be: is this a {path.suffix} file?")
    row = 4 + dim * kind.itemsize
    if size % row:
        raise BenchError(f"{path}: {size} bytes are no whole number of rows of {dim} dimensions ({row} bytes each)")
    rows = raw.reshape(-1, row)
    headers = np.ascontiguousarray(rows[:, :4]).view("<i4")[:, 0]
    wrong = np.flatnonzero(headers != dim)
    if wrong.size:
        raise BenchError(f"{path}: row {wrong[0]} has {headers[wrong[0]]} dimensions, the first has {dim}")
    view = np.ndarray((len(rows), dim), kind, raw, 4, (row, kind.itemsize))
    return view


def read_npy(path: Path) -> np.ndarray:
    """A two-dimensional array of numbers, mapped."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BenchError(f"{path}: not a readable .npy file ({error})") from error
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise BenchError(
            f"{path}: expected a two-dimensional array of numbers, found {array.dtype} of shape {array.shape}"
        )
    return array


def read_hdf5(path: Path) -> tuple[np.ndarray, np.ndarray | None, str | None]:
    """Base, queries and metric ("l2", "ip", "cosine" or None) of an ann-benchmarks file; arrays are read into memory."""
    import h5py

    metrics = {"euclidean": "l2", "angular": "cosine", "dot": "ip", "ip": "ip", "cosine": "cosine"}
    try:
        with h5py.File(path, "r") as file:
            if "train" not in file:
                raise BenchError(f'{path}: no data set named "train" (there are: {", ".join(file) or "none"})')
            base = np.asarray(file["train"])
            queries = np.asarray(file["test"]) if "test" in file else None
            distance = file.attrs.get("distance")
    except OSError as error:
        raise BenchError(f"{path}: not a readable HDF5 file ({error})") from error
    for what, array in (("train", base), ("test", queries)):
        if array is not None and (array.ndim != 2 or array.dtype.kind not in "fiu"):
            raise BenchError(
                f'{path}: "{what}" is not a two-dimensional array of numbers but {array.dtype} {array.shape}'
            )
    if isinstance(distance, bytes):
        distance = distance.decode()
    return base, queries, metrics.get(str(distance).lower()) if distance is not None else None


def read_vectors(path: Path) -> np.ndarray:
    """The vectors [n, dim] of one texmex or .npy file, checked to be non-empty and finite."""
    if not path.is_file():
        raise BenchError(f"{path}: no such file")
    if path.suffix in (".fvecs", ".bvecs"):
        array = read_texmex(path)
    elif path.suffix == ".npy":
        array = read_npy(path)
    else:
        raise BenchError(f'{path}: unknown format "{path.suffix}"; known are {", ".join(VECTOR_SUFFIXES)}')
    check_vectors(array, str(path))
    return array


def check_vectors(array: np.ndarray, name: str) -> None:
    """Raises BenchError unless array is a non-empty [n, dim] of numbers that fit a float32 and are finite there."""
    if array.ndim != 2 or not array.shape[0] or not 1 <= array.shape[1] <= MAX_DIMENSIONS:
        raise BenchError(f"{name}: expected rows of 1 to {MAX_DIMENSIONS} dimensions, found shape {array.shape}")
    if array.dtype.kind == "u":
        return
    step = max(1, (16 << 20) // (array.shape[1] * 4))
    for start in range(0, len(array), step):
        with np.errstate(over="ignore"):
            finite = np.isfinite(np.asarray(array[start : start + step], np.float32)).all(axis=1)
        if not finite.all():
            raise BenchError(f"{name}: row {start + int(np.argmin(finite))} holds a value that is not a finite float32")
