// JDBC with pgvector-java (test/clients/README.md): text, and binary for the types that the library sends and reads so; batches, named statements.
import com.pgvector.PGbit;
import com.pgvector.PGhalfvec;
import com.pgvector.PGsparsevec;
import com.pgvector.PGvector;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleBiFunction;
import org.postgresql.PGConnection;
import org.postgresql.util.PGobject;

public class Client {
    static final int ROWS = 1000, DIMENSIONS = 32, QUERIES = 5, LIMIT = 10, TENANTS = 7;

    // What the library takes of a vector (of a row's id), and the vector of what it gives.
    interface Value { float[] of(float[] values, int id); }
    interface Wrap { PGobject of(float[] values) throws SQLException; }
    interface Unwrap { float[] of(PGobject value); }

    record Kind(String name, String opclass, String operator, Value value, ToDoubleBiFunction<float[], float[]> distance, Wrap wrap, Unwrap unwrap) {
        String table() { return "items_" + name; }
        String type() { return name + "(" + DIMENSIONS + ")"; }
        float[] row(int id) { return value.of(NUMBERS[id - 1], id); }
        float[] query(int number) { return value.of(NUMBERS[ROWS + number], number); }
    }

    static final Kind[] KINDS = {
        new Kind("vector", "vector_l2_ops", "<->", (values, id) -> values, Client::l2, PGvector::new, value -> ((PGvector) value).toArray()),
        new Kind("halfvec", "halfvec_l2_ops", "<->", (values, id) -> values, Client::l2, PGhalfvec::new, value -> ((PGhalfvec) value).toArray()),
        new Kind("sparsevec", "sparsevec_l2_ops", "<->", Client::everyFourth, Client::l2, PGsparsevec::new,
            value -> ((PGsparsevec) value).toArray()),
        // zeros and ones, whose L1 distance is the number that differ
        new Kind("bit", "bit_hamming_ops", "<~>", Client::signs, Client::l1, Client::toBits, Client::fromBits),
    };

    // The same vectors in every language: of all rows, then of all queries.
    static final float[][] NUMBERS = new float[ROWS + QUERIES][DIMENSIONS];
    static {
        long state = 1;
        for (float[] values : NUMBERS) {
            for (int i = 0; i < DIMENSIONS; i++) {
                state = state * 16807 % 2147483647;
                values[i] = (state % 257 - 128) / 128f;
            }
        }
    }

    static double inner(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += (double) a[i] * b[i];
        return sum;
    }
    static double l2(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += Math.pow((double) a[i] - b[i], 2);
        return Math.sqrt(sum);
    }
    static double l1(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += Math.abs((double) a[i] - b[i]);
        return sum;
    }
    static double cosine(float[] a, float[] b) { return 1 - inner(a, b) / Math.sqrt(inner(a, a) * inner(b, b)); }

    static float[] everyFourth(float[] values, int id) {
        float[] sparse = new float[DIMENSIONS];
        for (int i = id % 4; i < DIMENSIONS; i += 4) sparse[i] = values[i];
        return sparse;
    }
    static float[] signs(float[] values, int id) {
        float[] bits = new float[DIMENSIONS];
        for (int i = 0; i < DIMENSIONS; i++) bits[i] = values[i] > 0 ? 1 : 0;
        return bits;
    }
    static PGobject toBits(float[] values) {
        boolean[] bits = new boolean[values.length];
        for (int i = 0; i < bits.length; i++) bits[i] = values[i] > 0;
        return new PGbit(bits);
    }
    static float[] fromBits(PGobject value) {
        boolean[] bits = ((PGbit) value).toArray();
        float[] values = new float[bits.length];
        for (int i = 0; i < bits.length; i++) values[i] = bits[i] ? 1 : 0;
        return values;
    }

    static boolean near(double a, double b) { return Math.abs(a - b) <= 1e-6 + 1e-5 * Math.abs(b); }

    // Whether search finds nearest rows; those of equal distance may change places. tenant: -1 for all.
    static boolean findsExactly(Kind kind, PreparedStatement search, int number, int tenant) throws SQLException {
        float[] query = kind.query(number);
        Map<Integer, Double> distances = new HashMap<>();
        for (int id = 1; id <= ROWS; id++) {
            if (tenant < 0 || id % TENANTS == tenant) distances.put(id, kind.distance.applyAsDouble(kind.row(id), query));
        }
        double[] wanted = distances.values().stream().mapToDouble(d -> d).sorted().toArray();
        search.setObject(1, kind.wrap.of(query));
        if (tenant >= 0) search.setInt(2, tenant);
        try (ResultSet found = search.executeQuery()) {
            for (int i = 0; i < LIMIT; i++) {
                if (!found.next() || !near(found.getDouble(2), wanted[i])) return false;
                Double own = distances.remove(found.getInt(1));
                if (own == null || !near(own, wanted[i])) return false;
            }
            return !found.next();
        }
    }

    static int tests, failures;
    static void ok(boolean passed, String name) {
        tests++;
        if (!passed) failures++;
        System.out.println((passed ? "ok " : "not ok ") + tests + " - " + name);
    }

    // threshold: -1 asks for binary at once, 0 never uses named statements, so text
    static Connection connect(int threshold) throws SQLException {
        Map<String, String> env = System.getenv();
        Connection db = DriverManager.getConnection("jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE"),
            env.get("PGUSER"), env.get("PGPASSWORD"));
        db.unwrap(PGConnection.class).setPrepareThreshold(threshold);
        try (Statement statement = db.createStatement()) {
            for (String extension : System.getenv("VECIDX_EXTENSIONS").split(" ")) {
                statement.execute("CREATE EXTENSION IF NOT EXISTS " + extension);
            }
            statement.execute("SET enable_seqscan = off");
            statement.execute("SET vecgraph.search_list_size = 200");
        }
        PGvector.registerTypes(db);
        PGbit.registerType(db);
        return db;
    }

    static void fill(Connection db, Kind kind, int from, int to) throws SQLException {
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO " + kind.table() + " VALUES (?, ?, ?)")) {
            for (int id = from; id <= to; id++) {
                insert.setInt(1, id);
                insert.setInt(2, id % TENANTS);
                insert.setObject(3, kind.wrap.of(kind.row(id)));
                insert.addBatch();
            }
            insert.executeBatch();
        }
    }

    static boolean rowsComeBack(Connection db, Kind kind) throws SQLException {
        try (PreparedStatement read = db.prepareStatement("SELECT id, tenant, embedding FROM " + kind.table() + " ORDER BY id");
             ResultSet rows = read.executeQuery()) {
            for (int id = 1; id <= ROWS; id++) {
                if (!rows.next() || rows.getInt(1) != id || rows.getInt(2) != id % TENANTS
                    || !Arrays.equals(kind.unwrap.of((PGobject) rows.getObject(3)), kind.row(id))) return false;
            }
            return !rows.next();
        }
    }

    static void tryKind(Connection text, Connection binary, Kind kind) throws SQLException {
        try (Statement statement = text.createStatement()) {
            statement.execute("CREATE TABLE " + kind.table() + " (id int PRIMARY KEY, tenant int NOT NULL, embedding " + kind.type() + ")");
            fill(text, kind, 1, ROWS / 2);
            fill(binary, kind, ROWS / 2 + 1, ROWS);
            statement.execute("CREATE INDEX " + kind.table() + "_index ON " + kind.table() + " USING vecgraph (embedding " + kind.opclass + ", tenant)");
            statement.execute("ANALYZE " + kind.table());
        }
        for (Connection db : List.of(text, binary)) {
            String form = db == text ? "text" : "binary";
            ok(rowsComeBack(db, kind), kind.name + ": rows come back, " + form);
            String select = "SELECT id, embedding " + kind.operator + " ? FROM " + kind.table();
            try (PreparedStatement search = db.prepareStatement(select + " ORDER BY 2 LIMIT " + LIMIT);
                 PreparedStatement filtered = db.prepareStatement(select + " WHERE tenant = ? ORDER BY 2 LIMIT " + LIMIT);
                 PreparedStatement explain = db.prepareStatement("EXPLAIN " + select + " WHERE tenant = ? ORDER BY 2 LIMIT " + LIMIT)) {
                boolean exact = true, exactWithFilter = true;
                for (int number = 0; number < QUERIES; number++) {
                    exact = exact && findsExactly(kind, search, number, -1);
                    exactWithFilter = exactWithFilter && findsExactly(kind, filtered, number, number);
                }
                ok(exact, kind.name + ": search, " + form);
                ok(exactWithFilter, kind.name + ": search with a filter, " + form);
                explain.setObject(1, kind.wrap.of(kind.query(0)));
                explain.setInt(2, 3);
                StringBuilder plan = new StringBuilder();
                try (ResultSet lines = explain.executeQuery()) {
                    while (lines.next()) plan.append(lines.getString(1));
                }
                ok(plan.indexOf(kind.table() + "_index") >= 0, kind.name + ": the index is used, " + form);
            }
        }
    }

    public static void main(String[] args) throws SQLException {
        try (Connection text = connect(0); Connection binary = connect(-1)) {
            for (Kind kind : KINDS) tryKind(text, binary, kind);
            float[] a = KINDS[0].row(1), b = KINDS[0].query(0);
            try (PreparedStatement distances = binary.prepareStatement("SELECT v <-> w, v <#> w, v <=> w, v <+> w FROM (SELECT ?::vector v, ?::vector w) s")) {
                distances.setObject(1, new PGvector(a));
                distances.setObject(2, new PGvector(b));
                ResultSet found = distances.executeQuery();
                ok(found.next() && near(found.getDouble(1), l2(a, b)) && near(found.getDouble(2), -inner(a, b))
                    && near(found.getDouble(3), cosine(a, b)) && near(found.getDouble(4), l1(a, b)), "the distances are as computed here");
            }
            SQLException error = null;
            try (PreparedStatement insert = binary.prepareStatement("INSERT INTO items_vector VALUES (-1, 0, ?)")) {
                insert.setObject(1, new PGvector(new float[] {1}));
                insert.execute();
            } catch (SQLException raised) {
                error = raised;
            }
            ok(error != null && error.getSQLState().equals("22000") && error.getMessage().contains("expected " + DIMENSIONS + " dimensions, not 1"),
                "a vector of other dimensions is refused");
        }
        System.out.println("1.." + tests);
        System.exit(failures > 0 ? 1 : 0);
    }
}
