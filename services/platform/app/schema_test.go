package app

import (
	"context"
	"net/url"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// shelves is a schema at two versions.
func shelves(versions int) fstest.MapFS {
	files := fstest.MapFS{"migrations/00001_shelf.sql": {Data: []byte("-- +goose Up\nCREATE TABLE shelf (id bigint PRIMARY KEY);\n")}}
	if versions > 1 {
		files["migrations/00002_width.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE shelf ADD COLUMN width int;\n")}
	}
	return files
}

func configAt(dsn, migrate string) *Config {
	c := localConfig()
	c.PostgresDSN, c.Migrate = dsn, migrate
	return c
}

// columns of the shelf, in order.
func columns(t *testing.T, dsn string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), `SELECT column_name::text FROM information_schema.columns
WHERE table_schema = 'shop' AND table_name = 'shelf' ORDER BY ordinal_position`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func migrateTo(t *testing.T, dsn string, versions int) {
	t.Helper()
	if err := do(t.Context(), "migrate", "shop", configAt(dsn, "off"), tabled(shelves(versions)), newJournal()); err != nil {
		t.Fatal(err)
	}
}

func TestTwoMigratorsAtOnceDoTheWorkOnce(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	results := make(chan error, 2)
	for range 2 {
		go func() {
			results <- do(t.Context(), "migrate", "shop", configAt(dsn, "auto"), tabled(shelves(2)), newJournal())
		}()
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"id", "width"}, columns(t, dsn)); diff != "" {
		t.Error(diff)
	}
}

func TestWaitSchemaWaitsForTheMigrationsItKnows(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	log, passed := newJournal(), make(chan error, 1)
	go func() {
		passed <- do(t.Context(), "wait-schema", "shop", configAt(dsn, "auto"), tabled(shelves(2)), log)
	}()
	line := log.await(t, "waiting for the schema")
	if got, _ := line["error"].(string); !strings.Contains(got, "00001_shelf.sql, 00002_width.sql") {
		t.Errorf("it does not say what is missing: %s", got)
	}
	if len(columns(t, dsn)) != 0 {
		t.Error("waiting changed the schema")
	}
	migrateTo(t, dsn, 1)
	eventually(t, "it says what is still missing", func() bool {
		log.mu.Lock()
		defer log.mu.Unlock()
		last, _ := log.lines[len(log.lines)-1]["error"].(string)
		return last == "schema shop lacks 00002_width.sql"
	})
	select {
	case err := <-passed:
		t.Fatalf("passed with half of the schema: %v", err)
	default:
	}
	migrateTo(t, dsn, 2)
	if err := <-passed; err != nil {
		t.Error(err)
	}
}

func TestWaitSchemaEndsWhenToldTo(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	log, ended := newJournal(), make(chan error, 1)
	dsn := database(t)
	go func() { ended <- do(ctx, "wait-schema", "shop", configAt(dsn, "auto"), tabled(shelves(1)), log) }()
	log.await(t, "waiting for the schema")
	stop()
	if err := <-ended; err == nil {
		t.Error("it says that the schema is there")
	}
}

func TestOffRefusesAnOldSchema(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	migrateTo(t, dsn, 1)
	err := launch(t, configAt(dsn, "off"), tabled(shelves(2))).end(t)
	if err == nil || !strings.Contains(err.Error(), "schema shop lacks 00002_width.sql") || !strings.Contains(err.Error(), `"shop migrate"`) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"id"}, columns(t, dsn)); diff != "" {
		t.Errorf("off changed the schema:\n%s", diff)
	}
}

// Expand, then contract: while a release rolls out old processes start on the
// new schema.
func TestANewerSchemaIsFine(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	migrateTo(t, dsn, 2)
	for _, mode := range []string{"off", "auto"} {
		s := start(t, configAt(dsn, mode), tabled(shelves(1)))
		s.stop()
		if err := s.end(t); err != nil {
			t.Error(mode, err)
		}
	}
	migrateTo(t, dsn, 1)
	if err := do(t.Context(), "wait-schema", "shop", configAt(dsn, "auto"), tabled(shelves(1)), newJournal()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"id", "width"}, columns(t, dsn)); diff != "" {
		t.Error(diff)
	}
}

// till shares the tables of the shop.
type till struct{ owner }

func (till) SchemaName() string { return "shop" }

func TestAComponentMayShareTheTablesOfAnother(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	shared := till{tabled(shelves(2))}
	shared.component = func(ctx context.Context, rt *Runtime) error {
		_, err := rt.PostgresOf(ctx, shared.SchemaName(), shared.schema)
		return err
	}
	run := func(command, migrations string) error {
		return do(t.Context(), command, "till", configAt(dsn, migrations), shared, newJournal())
	}
	if err := run("migrate", "off"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"id", "width"}, columns(t, dsn)); diff != "" { // of the schema shop
		t.Error(diff)
	}
	if err := run("wait-schema", "off"); err != nil {
		t.Error(err)
	}
	started := start(t, configAt(dsn, "off"), shared)
	started.stop()
	if err := started.end(t); err != nil {
		t.Error(err)
	}
}

func TestAutoMigratesOnStart(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	start(t, configAt(dsn, "auto"), tabled(shelves(2)))
	if diff := cmp.Diff([]string{"id", "width"}, columns(t, dsn)); diff != "" {
		t.Error(diff)
	}
}

func TestAStartWaitsForPostgres(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(database(t))
	if err != nil {
		t.Fatal(err)
	}
	address, open := door(t, "unix", path.Join(dsn.Query().Get("host"), ".s.PGSQL."+dsn.Query().Get("port")))
	if host := dsn.Host; host != "" {
		address, open = door(t, "tcp", host)
	}
	dsn.Host = address
	query := dsn.Query()
	query.Del("host")
	query.Del("port")
	dsn.RawQuery = query.Encode()
	s := launch(t, configAt(dsn.String(), "auto"), tabled(shelves(1)))
	s.await(t, "waiting for postgres")
	open()
	s.awaitReady(t)
}
