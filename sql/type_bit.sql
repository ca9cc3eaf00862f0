SELECT hamming_distance(B'111', '110'), B'10101' <~> B'01010', hamming_distance('', ''), B'1' <~> B'1';
SELECT jaccard_distance(B'1111', '1100'), B'1110' <%> B'0111', jaccard_distance(B'1100', '0011'), B'00' <%> B'00';
SELECT hamming_distance(B'111', '00');
SELECT B'1' <%> B'01';
-- lengths around words, and longer than a page
SELECT n, repeat('10', n)::varbit <~> repeat('01', n)::varbit AS hamming, round((repeat('110', n)::varbit <%> repeat('011', n)::varbit)::numeric, 4) AS jaccard
	FROM unnest(ARRAY[1, 3, 4, 31, 32, 33, 64, 100000]) n;
-- what binary_quantize makes
SELECT binary_quantize('[1,-1,0,2]'::vector) <~> binary_quantize('[1,1,1,-1]'::halfvec);
CREATE TABLE type_bit (id int, b bit(70));
INSERT INTO type_bit SELECT i, (i::bit(32) || (i * 7919)::bit(32) || i::bit(6))::bit(70) FROM generate_series(1, 100) i;
SELECT id, b <~> (SELECT b FROM type_bit WHERE id = 7) AS d FROM type_bit ORDER BY d, id LIMIT 3;
SELECT count(*) FROM type_bit a, type_bit b WHERE a.b <~> b.b <> length(replace((a.b # b.b)::text, '0', ''));
SELECT count(*) FROM type_bit a, type_bit b WHERE abs((a.b <%> b.b) - (1 - length(replace((a.b & b.b)::text, '0', ''))::float8 / length(replace((a.b | b.b)::text, '0', '')))) > 1e-12;
DROP TABLE type_bit;
