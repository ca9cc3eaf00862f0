// pgx with pgvector-go (test/clients/README.md): extended protocol in binary, simple protocol in text, binary COPY, prepared statements.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/pgvector/pgvector-go"
	pgxvec "github.com/pgvector/pgvector-go/pgx"
)

const (
	numRows    = 1000
	dimensions = 32
	numQueries = 5
	limit      = 10
	tenants    = 7
)

// A type and its index. wrap: what the library takes of a vector (of a row's id); target, unwrap: where it reads a value to, and the vector.
type kind struct {
	name, opclass, operator string
	value                   func(values []float32, id int) []float32
	distance                func(a, b []float32) float64
	wrap                    func(values []float32) any
	target                  func() any
	unwrap                  func(target any) []float32
}

type row struct {
	id, tenant int
	value      []float32
}

type found struct {
	id       int
	distance float64
}

func sum(a, b []float32, term func(x, y float64) float64) float64 {
	total := 0.0
	for i := range a {
		total += term(float64(a[i]), float64(b[i]))
	}
	return total
}

func l2(a, b []float32) float64 {
	return math.Sqrt(sum(a, b, func(x, y float64) float64 { return (x - y) * (x - y) }))
}
func inner(a, b []float32) float64 { return sum(a, b, func(x, y float64) float64 { return x * y }) }
func l1(a, b []float32) float64 {
	return sum(a, b, func(x, y float64) float64 { return math.Abs(x - y) })
}
func cosine(a, b []float32) float64 {
	return 1 - inner(a, b)/math.Sqrt(inner(a, a)*inner(b, b))
}

func same(values []float32, id int) []float32 { return values }

func everyFourth(values []float32, id int) []float32 {
	sparse := make([]float32, len(values))
	for i := id % 4; i < len(values); i += 4 {
		sparse[i] = values[i]
	}
	return sparse
}

// bits are zeros and ones, whose L1 distance is the number that differ
func signs(values []float32, id int) []float32 {
	bits := make([]float32, len(values))
	for i, value := range values {
		if value > 0 {
			bits[i] = 1
		}
	}
	return bits
}

func toBits(values []float32) any {
	bits := pgtype.Bits{Len: int32(len(values)), Bytes: make([]byte, (len(values)+7)/8), Valid: true}
	for i, value := range values {
		if value > 0 {
			bits.Bytes[i/8] |= 0x80 >> (i % 8)
		}
	}
	return bits
}

func fromBits(target any) []float32 {
	bits := target.(*pgtype.Bits)
	values := make([]float32, bits.Len)
	for i := range values {
		if bits.Bytes[i/8]&(0x80>>(i%8)) != 0 {
			values[i] = 1
		}
	}
	return values
}

var kinds = []kind{
	{"vector", "vector_l2_ops", "<->", same, l2,
		func(values []float32) any { return pgvector.NewVector(values) },
		func() any { return new(pgvector.Vector) },
		func(target any) []float32 { return target.(*pgvector.Vector).Slice() }},
	{"halfvec", "halfvec_l2_ops", "<->", same, l2,
		func(values []float32) any { return pgvector.NewHalfVector(values) },
		func() any { return new(pgvector.HalfVector) },
		func(target any) []float32 { return target.(*pgvector.HalfVector).Slice() }},
	{"sparsevec", "sparsevec_l2_ops", "<->", everyFourth, l2,
		func(values []float32) any { return pgvector.NewSparseVector(values) },
		func() any { return new(pgvector.SparseVector) },
		func(target any) []float32 { return target.(*pgvector.SparseVector).Slice() }},
	{"bit", "bit_hamming_ops", "<~>", signs, l1, toBits, func() any { return new(pgtype.Bits) }, fromBits},
}

// The same vectors in every language: of all rows, then of all queries.
func numbers() [][]float32 {
	state := int64(1)
	all := make([][]float32, numRows+numQueries)
	for i := range all {
		all[i] = make([]float32, dimensions)
		for j := range all[i] {
			state = state * 16807 % 2147483647
			all[i][j] = float32(state%257-128) / 128
		}
	}
	return all
}

func (k kind) rows() []row {
	rows := make([]row, numRows)
	for i, values := range numbers()[:numRows] {
		rows[i] = row{i + 1, (i + 1) % tenants, k.value(values, i+1)}
	}
	return rows
}

func (k kind) queries() [][]float32 {
	queries := numbers()[numRows:]
	for i := range queries {
		queries[i] = k.value(queries[i], i)
	}
	return queries
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6+1e-5*math.Abs(b) }

// Whether the answer is made of nearest rows; those of equal distance may change places. tenant: -1 for all.
func (k kind) isExact(query []float32, tenant int, answer []found) bool {
	distances := map[int]float64{}
	wanted := []float64{}
	for _, row := range k.rows() {
		if tenant < 0 || row.tenant == tenant {
			distances[row.id] = k.distance(row.value, query)
			wanted = append(wanted, distances[row.id])
		}
	}
	slices.Sort(wanted)
	if len(answer) != limit {
		return false
	}
	for i, one := range answer {
		own, ours := distances[one.id]
		if !ours || !near(one.distance, wanted[i]) || !near(own, wanted[i]) {
			return false
		}
		delete(distances, one.id)
	}
	return true
}

var tests, failures int

func ok(passed bool, name string) {
	tests++
	word := "ok"
	if !passed {
		failures++
		word = "not ok"
	}
	fmt.Printf("%s %d - %s\n", word, tests, name)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type client struct {
	context.Context
	*pgx.Conn
}

func (db client) do(sql string, args ...any) {
	_, err := db.Exec(db, sql, args...)
	must(err)
}

// mode is that of the protocol: pgx.QueryExecModeSimpleProtocol for text, pgx.QueryExecModeCacheStatement for binary
func (db client) search(k kind, query []float32, tenant int, mode pgx.QueryExecMode) []found {
	where := ""
	args := []any{mode, k.wrap(query)}
	if tenant >= 0 {
		where = "WHERE tenant = $2"
		args = append(args, tenant)
	}
	rows, err := db.Query(db, fmt.Sprintf("SELECT id, embedding %s $1::%s FROM items_%s %s ORDER BY 2 LIMIT %d",
		k.operator, k.typeName(), k.name, where, limit), args...)
	must(err)
	answer, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one found, err error) {
		err = row.Scan(&one.id, &one.distance)
		return
	})
	must(err)
	return answer
}

func (k kind) typeName() string { return fmt.Sprintf("%s(%d)", k.name, dimensions) }

func (db client) readRows(k kind, mode pgx.QueryExecMode) []row {
	rows, err := db.Query(db, fmt.Sprintf("SELECT id, tenant, embedding FROM items_%s ORDER BY id", k.name), mode)
	must(err)
	all, err := pgx.CollectRows(rows, func(from pgx.CollectableRow) (one row, err error) {
		target := k.target()
		if err = from.Scan(&one.id, &one.tenant, target); err == nil {
			one.value = k.unwrap(target)
		}
		return
	})
	must(err)
	return all
}

func (db client) try(k kind) {
	table := "items_" + k.name
	db.do(fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, tenant int NOT NULL, embedding %s)", table, k.typeName()))
	insert := fmt.Sprintf("INSERT INTO %s VALUES ($1, $2, $3)", table)
	rows := k.rows()
	for _, row := range rows[:numRows/2] {
		db.do(insert, pgx.QueryExecModeSimpleProtocol, row.id, row.tenant, k.wrap(row.value))
	}
	for _, row := range rows[numRows/2 : numRows/2+100] {
		db.do(insert, row.id, row.tenant, k.wrap(row.value))
	}
	rest := rows[numRows/2+100:]
	_, err := db.CopyFrom(db, pgx.Identifier{table}, []string{"id", "tenant", "embedding"},
		pgx.CopyFromSlice(len(rest), func(i int) ([]any, error) { return []any{rest[i].id, rest[i].tenant, k.wrap(rest[i].value)}, nil }))
	must(err)
	db.do(fmt.Sprintf("CREATE INDEX %s_index ON %s USING vecgraph (embedding %s, tenant)", table, table, k.opclass))
	db.do("ANALYZE " + table)

	for form, mode := range map[string]pgx.QueryExecMode{"text": pgx.QueryExecModeSimpleProtocol, "binary": pgx.QueryExecModeCacheStatement} {
		ok(reflect.DeepEqual(db.readRows(k, mode), rows), fmt.Sprintf("%s: rows come back, %s", k.name, form))
		exact, exactWithFilter := true, true
		for tenant, query := range k.queries() {
			exact = exact && k.isExact(query, -1, db.search(k, query, -1, mode))
			exactWithFilter = exactWithFilter && k.isExact(query, tenant, db.search(k, query, tenant, mode))
		}
		ok(exact, fmt.Sprintf("%s: search, %s", k.name, form))
		ok(exactWithFilter, fmt.Sprintf("%s: search with a filter, %s", k.name, form))
	}
	plan, err := db.Query(db, fmt.Sprintf("EXPLAIN SELECT id FROM %s WHERE tenant = 3 ORDER BY embedding %s $1 LIMIT %d", table, k.operator, limit),
		k.wrap(k.queries()[0]))
	must(err)
	lines, err := pgx.CollectRows(plan, pgx.RowTo[string])
	must(err)
	ok(strings.Contains(strings.Join(lines, "\n"), table+"_index"), k.name+": the index is used")
}

func main() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "")
	must(err)
	db := client{ctx, conn}
	for _, extension := range strings.Fields(os.Getenv("VECIDX_EXTENSIONS")) {
		db.do("CREATE EXTENSION " + extension)
	}
	must(pgxvec.RegisterTypes(ctx, conn))
	db.do("SET enable_seqscan = off")
	db.do("SET vecgraph.search_list_size = 200")
	for _, k := range kinds {
		db.try(k)
	}

	a, b := kinds[0].rows()[0].value, kinds[0].queries()[0]
	var distances [4]float64
	must(db.QueryRow(ctx, "SELECT $1::vector <-> $2, $1::vector <#> $2, $1::vector <=> $2, $1::vector <+> $2",
		pgvector.NewVector(a), pgvector.NewVector(b)).Scan(&distances[0], &distances[1], &distances[2], &distances[3]))
	ok(near(distances[0], l2(a, b)) && near(distances[1], -inner(a, b)) && near(distances[2], cosine(a, b)) && near(distances[3], l1(a, b)),
		"the distances are as computed here")
	var array []pgvector.Vector
	must(db.QueryRow(ctx, "SELECT $1::vector[]", []pgvector.Vector{pgvector.NewVector(a), pgvector.NewVector(b)}).Scan(&array))
	ok(len(array) == 2 && slices.Equal(array[0].Slice(), a) && slices.Equal(array[1].Slice(), b), "an array of vectors")
	_, err = db.Exec(ctx, "INSERT INTO items_vector VALUES (-1, 0, $1)", pgvector.NewVector(a[1:]))
	var refusal *pgconn.PgError
	ok(errors.As(err, &refusal) && refusal.Code == "22000" &&
		refusal.Message == fmt.Sprintf("expected %d dimensions, not %d", dimensions, dimensions-1), "a vector of other dimensions is refused")
	must(db.Close(ctx))
	fmt.Printf("1..%d\n", tests)
	if failures > 0 {
		os.Exit(1)
	}
}
