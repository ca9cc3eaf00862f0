//! tokio-postgres with the crate pgvector (test/clients/README.md): binary parameters and results, binary COPY, and text by the simple protocol.
use std::collections::HashMap;
use std::pin::pin;

use pgvector::{Bit, HalfVector, SparseVector, Vector};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, NoTls, Row, SimpleQueryMessage};

const ROWS: usize = 1000;
const DIMENSIONS: usize = 32;
const QUERIES: usize = 5;
const LIMIT: usize = 10;
const TENANTS: usize = 7;

type Parameter = Box<dyn ToSql + Sync>;

/// A type and its index. wrap: what the library takes of a vector (of a row's id); unwrap: the vector in a column of a row; text: its text.
struct Kind {
    name: &'static str,
    opclass: &'static str,
    operator: &'static str,
    value: fn(&[f32], usize) -> Vec<f32>,
    distance: fn(&[f32], &[f32]) -> f64,
    wrap: fn(&[f32]) -> Parameter,
    unwrap: fn(&Row, usize) -> Vec<f32>,
    text: fn(&[f32]) -> String,
}

fn sum(a: &[f32], b: &[f32], term: fn(f64, f64) -> f64) -> f64 {
    a.iter().zip(b).map(|(x, y)| term(f64::from(*x), f64::from(*y))).sum()
}

fn l2(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |x, y| (x - y) * (x - y)).sqrt()
}

fn inner(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |x, y| x * y)
}

fn l1(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |x, y| (x - y).abs())
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    1.0 - inner(a, b) / (inner(a, a) * inner(b, b)).sqrt()
}

fn same(values: &[f32], _id: usize) -> Vec<f32> {
    values.to_vec()
}

fn every_fourth(values: &[f32], id: usize) -> Vec<f32> {
    values.iter().enumerate().map(|(i, v)| if i % 4 == id % 4 { *v } else { 0.0 }).collect()
}

/// Zeros and ones, whose L1 distance is the number that differ.
fn signs(values: &[f32], _id: usize) -> Vec<f32> {
    values.iter().map(|v| if *v > 0.0 { 1.0 } else { 0.0 }).collect()
}

fn list(values: &[f32]) -> String {
    format!("[{}]", values.iter().map(f32::to_string).collect::<Vec<_>>().join(","))
}

fn sparse_list(values: &[f32]) -> String {
    let elements = values.iter().enumerate().filter(|(_, v)| **v != 0.0).map(|(i, v)| format!("{}:{v}", i + 1));
    format!("{{{}}}/{}", elements.collect::<Vec<_>>().join(","), values.len())
}

fn bit_string(values: &[f32]) -> String {
    values.iter().map(|v| if *v > 0.0 { '1' } else { '0' }).collect()
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            name: "vector",
            opclass: "vector_l2_ops",
            operator: "<->",
            value: same,
            distance: l2,
            wrap: |values| Box::new(Vector::from(values.to_vec())),
            unwrap: |row, column| row.get::<_, Vector>(column).to_vec(),
            text: list,
        },
        Kind {
            name: "halfvec",
            opclass: "halfvec_l2_ops",
            operator: "<->",
            value: same,
            distance: l2,
            wrap: |values| Box::new(HalfVector::from_f32_slice(values)),
            unwrap: |row, column| row.get::<_, HalfVector>(column).to_vec().iter().map(|v| v.to_f32()).collect(),
            text: list,
        },
        Kind {
            name: "sparsevec",
            opclass: "sparsevec_l2_ops",
            operator: "<->",
            value: every_fourth,
            distance: l2,
            wrap: |values| Box::new(SparseVector::from_dense(values)),
            unwrap: |row, column| row.get::<_, SparseVector>(column).to_vec(),
            text: sparse_list,
        },
        Kind {
            name: "bit",
            opclass: "bit_hamming_ops",
            operator: "<~>",
            value: signs,
            distance: l1,
            wrap: |values| Box::new(Bit::new(&values.iter().map(|v| *v > 0.0).collect::<Vec<_>>())),
            unwrap: |row, column| {
                let bits: Bit = row.get(column);
                (0..bits.len()).map(|i| f32::from(bits.as_bytes()[i / 8] >> (7 - i % 8) & 1)).collect()
            },
            text: bit_string,
        },
    ]
}

/// The same vectors in every language: of all rows, then of all queries.
fn numbers() -> Vec<Vec<f32>> {
    let mut state: i64 = 1;
    let mut next = || {
        state = state * 16807 % 2147483647;
        (state % 257 - 128) as f32 / 128.0
    };
    (0..ROWS + QUERIES).map(|_| (0..DIMENSIONS).map(|_| next()).collect()).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 + 1e-5 * b.abs()
}

struct Report {
    tests: usize,
    failures: usize,
}

impl Report {
    fn ok(&mut self, passed: bool, name: &str) {
        self.tests += 1;
        self.failures += usize::from(!passed);
        println!("{} {} - {name}", if passed { "ok" } else { "not ok" }, self.tests);
    }
}

impl Kind {
    fn table(&self) -> String {
        format!("items_{}", self.name)
    }

    fn type_name(&self) -> String {
        format!("{}({DIMENSIONS})", self.name)
    }

    /// Of ids 1, 2, ...
    fn rows(&self) -> Vec<Vec<f32>> {
        numbers()[..ROWS].iter().enumerate().map(|(i, values)| (self.value)(values, i + 1)).collect()
    }

    fn queries(&self) -> Vec<Vec<f32>> {
        numbers()[ROWS..].iter().enumerate().map(|(i, values)| (self.value)(values, i)).collect()
    }

    /// Whether found, ids and distances in order, are nearest rows; those of equal distance may change places.
    fn is_exact(&self, query: &[f32], tenant: Option<usize>, found: &[(i32, f64)]) -> bool {
        let mut distances: HashMap<i32, f64> = (1..=ROWS)
            .zip(self.rows())
            .filter(|(id, _)| tenant.is_none_or(|tenant| id % TENANTS == tenant))
            .map(|(id, value)| (id as i32, (self.distance)(&value, query)))
            .collect();
        let mut wanted: Vec<f64> = distances.values().copied().collect();
        wanted.sort_by(f64::total_cmp);
        found.len() == LIMIT
            && found.iter().zip(wanted).all(|((id, distance), want)| near(*distance, want) && distances.remove(id).is_some_and(|own| near(own, want)))
    }

    fn select(&self, parameter: &str, tenant: Option<usize>) -> String {
        let filter = tenant.map_or(String::new(), |tenant| format!("WHERE tenant = {tenant}"));
        format!("SELECT id, embedding {} {parameter} FROM {} {filter} ORDER BY 2 LIMIT {LIMIT}", self.operator, self.table())
    }

    async fn search(&self, db: &Client, query: &[f32], tenant: Option<usize>) -> Result<Vec<(i32, f64)>, Error> {
        let parameter = (self.wrap)(query);
        let found = db.query(&self.select("$1", tenant), &[&*parameter]).await?;
        Ok(found.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    async fn search_as_text(&self, db: &Client, query: &[f32], tenant: Option<usize>) -> Result<Vec<(i32, f64)>, Error> {
        let literal = format!("'{}'::{}", (self.text)(query), self.type_name());
        let found = columns(db, &self.select(&literal, tenant)).await?;
        Ok(found.iter().map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap())).collect())
    }

    async fn fill(&self, db: &Client) -> Result<(), Error> {
        let (table, rows) = (self.table(), self.rows());
        db.batch_execute(&format!("CREATE TABLE {table} (id int PRIMARY KEY, tenant int NOT NULL, embedding {})", self.type_name())).await?;
        let row = |i: usize| ((i + 1) as i32, ((i + 1) % TENANTS) as i32);
        let (binary_from, copied_from) = (ROWS / 2, ROWS / 2 + 100);
        for (i, value) in rows[..binary_from].iter().enumerate() {
            let (id, tenant) = row(i);
            db.batch_execute(&format!("INSERT INTO {table} VALUES ({id}, {tenant}, '{}')", (self.text)(value))).await?;
        }
        let insert = db.prepare(&format!("INSERT INTO {table} VALUES ($1, $2, $3)")).await?;
        for (i, value) in rows.iter().enumerate().take(copied_from).skip(binary_from) {
            let (id, tenant) = row(i);
            db.execute(&insert, &[&id, &tenant, &*(self.wrap)(value)]).await?;
        }
        let sink = db.copy_in(&format!("COPY {table} FROM STDIN WITH (FORMAT BINARY)")).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &[Type::INT4, Type::INT4, insert.params()[2].clone()]));
        for (i, value) in rows.iter().enumerate().skip(copied_from) {
            let (id, tenant) = row(i);
            writer.as_mut().write(&[&id, &tenant, &*(self.wrap)(value)]).await?;
        }
        writer.finish().await?;
        db.batch_execute(&format!("CREATE INDEX {table}_index ON {table} USING vecgraph (embedding {}, tenant); ANALYZE {table}", self.opclass)).await
    }

    async fn try_all(&self, db: &Client, report: &mut Report) -> Result<(), Error> {
        self.fill(db).await?;
        let select = format!("SELECT id, tenant, embedding FROM {} ORDER BY id", self.table());
        let read: Vec<_> = db.query(&select, &[]).await?.iter().map(|row| (self.unwrap)(row, 2)).collect();
        report.ok(read == self.rows(), &format!("{}: rows come back, binary", self.name));
        let texts: Vec<_> = columns(db, &select).await?.into_iter().map(|mut row| row.remove(2)).collect();
        let written: Vec<_> = self.rows().iter().map(|value| (self.text)(value)).collect();
        report.ok(texts == written, &format!("{}: rows come back, text", self.name));

        let mut exact = [true; 4];
        for (tenant, query) in self.queries().iter().enumerate() {
            exact[0] &= self.is_exact(query, None, &self.search(db, query, None).await?);
            exact[1] &= self.is_exact(query, Some(tenant), &self.search(db, query, Some(tenant)).await?);
            exact[2] &= self.is_exact(query, None, &self.search_as_text(db, query, None).await?);
            exact[3] &= self.is_exact(query, Some(tenant), &self.search_as_text(db, query, Some(tenant)).await?);
        }
        for (passed, name) in exact.into_iter().zip(["search, binary", "search with a filter, binary", "search, text", "search with a filter, text"])
        {
            report.ok(passed, &format!("{}: {name}", self.name));
        }
        let explain = format!("EXPLAIN {}", self.select("$1", Some(3)));
        let plan = db.query(&explain, &[&*(self.wrap)(&self.queries()[0])]).await?;
        let used = plan.iter().any(|line| line.get::<_, &str>(0).contains(&format!("{}_index", self.table())));
        report.ok(used, &format!("{}: the index is used", self.name));
        Ok(())
    }
}

/// The rows of a query by the simple protocol.
async fn columns(db: &Client, query: &str) -> Result<Vec<Vec<String>>, Error> {
    let messages = db.simple_query(query).await?;
    Ok(messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).unwrap_or_default().to_string()).collect()),
            _ => None,
        })
        .collect())
}

async fn run() -> Result<Report, Error> {
    let env = |name: &str| std::env::var(name).unwrap_or_default();
    let (db, connection) = tokio_postgres::Config::new()
        .host(env("PGHOST"))
        .port(env("PGPORT").parse().expect("a port"))
        .user(env("PGUSER"))
        .password(env("PGPASSWORD"))
        .dbname(env("PGDATABASE"))
        .connect(NoTls)
        .await?;
    tokio::spawn(connection);
    for extension in env("VECIDX_EXTENSIONS").split(' ') {
        db.batch_execute(&format!("CREATE EXTENSION {extension}")).await?;
    }
    db.batch_execute("SET enable_seqscan = off; SET vecgraph.search_list_size = 200").await?;

    let mut report = Report { tests: 0, failures: 0 };
    for kind in kinds() {
        kind.try_all(&db, &mut report).await?;
    }

    let (a, b) = (&kinds()[0].rows()[0], &kinds()[0].queries()[0]);
    let (first, second) = (Vector::from(a.clone()), Vector::from(b.clone()));
    let row = db.query_one("SELECT $1::vector <-> $2, $1::vector <#> $2, $1::vector <=> $2, $1::vector <+> $2", &[&first, &second]).await?;
    let wanted = [l2(a, b), -inner(a, b), cosine(a, b), l1(a, b)];
    report.ok(wanted.iter().enumerate().all(|(i, want)| near(row.get(i), *want)), "the distances are as computed here");
    let array = vec![first, second];
    let back: Vec<Vector> = db.query_one("SELECT $1::vector[]", &[&array]).await?.get(0);
    report.ok(back == array, "an array of vectors");
    let error = db.execute("INSERT INTO items_vector VALUES (-1, 0, $1)", &[&Vector::from(vec![1.0])]).await.unwrap_err();
    let refused =
        error.as_db_error().is_some_and(|e| e.code().code() == "22000" && e.message() == format!("expected {DIMENSIONS} dimensions, not 1"));
    report.ok(refused, "a vector of other dimensions is refused");
    Ok(report)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(run()).expect("no error of the server");
    println!("1..{}", report.tests);
    std::process::exit(i32::from(report.failures > 0));
}
