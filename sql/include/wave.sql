-- the vector of row i: waves of a few lengths, of which many rows have nearly the same
CREATE FUNCTION wave(i int, dims int DEFAULT 32) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg((sin(i * 0.37 + d * (1 + i % 7) * 0.11) + (i * d % 13) * 0.05)::real)::vector FROM generate_series(1, dims) d $$;
