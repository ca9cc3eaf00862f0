"""What the Python clients share: the rows, the exact answers, and reports in TAP (test/clients/README.md)."""
import math
import os
import sys

ROWS = 1000
DIMENSIONS = 32
QUERIES = 5
LIMIT = 10
TENANTS = 7

# what makes the types and vecgraph: vecidx, or pgvector's vector and vecidx_pgvector
EXTENSIONS = os.environ['VECIDX_EXTENSIONS'].split()


class Kind:
    """A type, and the index on it: what a value looks like, and how far apart two are."""

    def __init__(self, name, opclass, operator, value, distance):
        self.name = name
        self.table = f'items_{name}'
        self.type = f'{name}({DIMENSIONS})'
        self.opclass = opclass
        self.operator = operator
        self.value = value
        self.distance = distance


def l2(a, b):
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b)))


def inner(a, b):
    return sum(x * y for x, y in zip(a, b))


def l1(a, b):
    return sum(abs(x - y) for x, y in zip(a, b))


def cosine(a, b):
    return 1 - inner(a, b) / math.sqrt(inner(a, a) * inner(b, b))


def hamming(a, b):
    return sum(x != y for x, y in zip(a, b))


KINDS = [
    Kind('vector', 'vector_l2_ops', '<->', lambda values, id: values, l2),
    Kind('halfvec', 'halfvec_l2_ops', '<->', lambda values, id: values, l2),
    Kind('sparsevec', 'sparsevec_l2_ops', '<->', lambda values, id: [v if i % 4 == id % 4 else 0.0 for i, v in enumerate(values)], l2),
    Kind('bit', 'bit_hamming_ops', '<~>', lambda values, id: ''.join('1' if v > 0 else '0' for v in values), hamming),
]


def numbers():
    """The same vectors in every language; float and half precision hold their values, and float their squared distances, exactly."""
    state = 1
    while True:
        values = []
        for _ in range(DIMENSIONS):
            state = state * 16807 % 2147483647
            values.append((state % 257 - 128) / 128)
        yield values


def rows(kind):
    """(id, tenant, value), of ids from 1 on."""
    return [(id, id % TENANTS, kind.value(values, id)) for id, values in zip(range(1, ROWS + 1), numbers())]


def queries(kind):
    stream = numbers()
    for _ in range(ROWS):
        next(stream)
    return [kind.value(next(stream), id) for id in range(QUERIES)]


def halves(all_rows):
    """Those rows that are written as text, and those that are written as binary."""
    return all_rows[:ROWS // 2], all_rows[ROWS // 2:]


def exact(kind, all_rows, query, tenant=None):
    """(distance, id) of the nearest rows, by going through all of them."""
    return sorted((kind.distance(value, query), id) for id, of, value in all_rows if tenant is None or of == tenant)[:LIMIT]


def is_exact(kind, all_rows, query, found, tenant=None):
    """Whether found, (id, distance) in order, are nearest rows: those of equal distance may change places."""
    values = {id: value for id, of, value in all_rows if tenant is None or of == tenant}
    wanted = exact(kind, all_rows, query, tenant)
    if len(found) != len(wanted) or len({id for id, _ in found}) != len(found):
        return False
    return all(id in values and math.isclose(distance, want, rel_tol=1e-5, abs_tol=1e-6)
               and math.isclose(kind.distance(values[id], query), want, rel_tol=1e-5, abs_tol=1e-6)
               for (id, distance), (want, _) in zip(found, wanted))


tests = failures = 0


def ok(passed, name):
    global tests, failures
    tests += 1
    failures += not passed
    print(f"{'ok' if passed else 'not ok'} {tests} - {name}", flush=True)


def done():
    print(f'1..{tests}')
    sys.exit(1 if failures else 0)
