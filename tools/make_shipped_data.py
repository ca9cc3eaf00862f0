#!/usr/bin/env python3
"""Makes data/ from the full sets: the first rows of each base, 200 queries, and exact neighbours among those rows.

usage: make_shipped_data.py DIRECTORY   (which has sift-50k/ and minilm-25k/); needs numpy
"""
import pathlib
import sys

import numpy as np

QUERIES = 200
NEIGHBOURS = 20


def read(path, item, rows):
    with open(path, "rb") as f:
        dim = int(np.fromfile(f, "<i4", 1)[0])
    width = 4 + dim * np.dtype(item).itemsize
    raw = np.fromfile(path, np.uint8, count=width * rows).reshape(-1, width)
    return raw, raw[:, 4:].copy().view(item)


def write(source, target, name, item, rows, order):
    target.mkdir(parents=True, exist_ok=True)
    kind = "bvecs" if item == np.uint8 else "fvecs"
    base_raw, base = read(source / f"base.{kind}", item, rows)
    query_raw, query = read(source / f"query.{kind}", item, QUERIES)
    base_raw.tofile(target / f"base.{kind}")
    query_raw.tofile(target / f"query.{kind}")
    distance = order(query.astype(np.float64), base.astype(np.float64))
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS].astype("<i4")
    count = np.full((len(nearest), 1), NEIGHBOURS, "<i4")
    np.hstack([count, nearest]).tofile(target / "groundtruth.ivecs")
    print(name, base.shape, query.shape)


def squared_l2(q, b):
    return (q**2).sum(1)[:, None] - 2 * q @ b.T + (b**2).sum(1)[None, :]


def cosine(q, b):
    return 1 - (q @ b.T) / np.linalg.norm(q, axis=1)[:, None] / np.linalg.norm(b, axis=1)[None, :]


source = pathlib.Path(sys.argv[1])
target = pathlib.Path(__file__).resolve().parent.parent / "data"
write(source / "sift-50k", target / "sift-10k", "sift-10k", np.uint8, 10000, squared_l2)
write(source / "minilm-25k", target / "minilm-2k", "minilm-2k", np.float32, 2000, cosine)
