-- vecgraph_check and vecgraph_info find nothing wrong where nothing is. (Warnings of nodes out of reach are not what this is about.)
SET client_min_messages = error;

-- storage half: elements that half precision cannot tell, or tells less exactly than vectors differ
CREATE TABLE halves (v vector(16));
INSERT INTO halves SELECT ARRAY(SELECT sin(i * 16 + j) * 1e5 FROM generate_series(1, 16) j)::vector FROM generate_series(1, 300) i;
INSERT INTO halves SELECT ARRAY(SELECT sin(i * 16 + j) * 1e-22 FROM generate_series(1, 16) j)::vector FROM generate_series(1, 300) i;
CREATE INDEX halves_l2 ON halves USING vecgraph (v) WITH (storage = half);
CREATE INDEX halves_ip ON halves USING vecgraph (v vector_ip_ops) WITH (storage = half);
CREATE INDEX halves_cosine ON halves USING vecgraph (v vector_cosine_ops) WITH (storage = half);
CREATE INDEX halves_l1 ON halves USING vecgraph (v vector_l1_ops) WITH (storage = half);
SELECT vecgraph_check(i) FROM unnest('{halves_l2,halves_ip,halves_cosine,halves_l1}'::regclass[]) i;
SELECT live FROM vecgraph_info('halves_l2');
TRUNCATE halves;
INSERT INTO halves SELECT ARRAY(SELECT 1000 + sin(i * 16 + j) / 10 FROM generate_series(1, 16) j)::vector FROM generate_series(1, 600) i;
SELECT vecgraph_check(i) FROM unnest('{halves_l2,halves_ip,halves_cosine,halves_l1}'::regclass[]) i;
REINDEX TABLE halves;
SELECT vecgraph_check(i) FROM unnest('{halves_l2,halves_ip,halves_cosine,halves_l1}'::regclass[]) i;
DROP TABLE halves;

-- inner product of vectors whose squares no float holds
CREATE TABLE large (v vector(8));
INSERT INTO large SELECT ARRAY(SELECT sin(i * 8 + j) * 10.0 ^ (19 + i % 19) * 3 FROM generate_series(1, 8) j)::vector FROM generate_series(1, 300) i;
CREATE INDEX large_ip ON large USING vecgraph (v vector_ip_ops) WITH (codes = pq);
CREATE INDEX large_exact ON large USING vecgraph (v vector_ip_ops) WITH (codes = none);
INSERT INTO large SELECT v FROM large;
INSERT INTO large SELECT ARRAY(SELECT sin(i * 8 + j) * 3.4e38 FROM generate_series(1, 8) j)::vector FROM generate_series(1, 200) i;
CREATE INDEX large_l2 ON large USING vecgraph (v) WITH (codes = pq);
SELECT vecgraph_check(i) FROM unnest('{large_ip,large_l2,large_exact}'::regclass[]) i;
DROP TABLE large;
