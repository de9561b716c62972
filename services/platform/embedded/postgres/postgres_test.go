package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/embedded"
)

// serveDir names the directory in which the test binary, started as a child,
// runs a server until it is killed.
const serveDir = "DOUYIN_TEST_SERVE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveDir); dir != "" {
		serveUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func serveUntilKilled(dir string) {
	srv, err := Start(context.Background(), options(dir))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("ready", srv.AdminDSN())
	<-srv.Done()
	os.Exit(2)
}

func options(dir string) Options {
	return Options{Dir: dir, Services: []string{"user", "interaction"}, NoDownload: true}
}

// startIn starts a server the test stops at its end.
func startIn(t *testing.T, dir string) *Server {
	t.Helper()
	began := time.Now()
	srv, err := Start(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		select {
		case <-srv.Done():
		default:
			stop(t, srv)
		}
	})
	return srv
}

func stop(t *testing.T, srv *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := srv.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func as(srv *Server, service string) string {
	return strings.ReplaceAll(srv.DSN(), "{service}", service)
}

func exec1(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func value[T any](t *testing.T, conn *pgx.Conn, sql string) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestEachServiceOwnsItsSchemaAndReachesNoOther(t *testing.T) {
	t.Parallel()
	srv := startIn(t, t.TempDir())

	user := connect(t, as(srv, "user"))
	exec1(t, user, `CREATE TABLE "user".person (name text)`)
	if got := value[string](t, user, `SELECT current_database()`); got != "douyin" {
		t.Errorf("database = %q", got)
	}
	// The server's default search path begins with the role's own schema.
	exec1(t, user, `INSERT INTO person VALUES ('Ann')`)

	other := connect(t, as(srv, "interaction"))
	if _, err := other.Exec(t.Context(), `SELECT * FROM "user".person`); err == nil {
		t.Error("interaction read the table of user")
	}
	if _, err := other.Exec(t.Context(), `CREATE TABLE "user".mine (id int)`); err == nil {
		t.Error("interaction made a table in the schema of user")
	}
}

func TestSettingsAreDurableAndPrivate(t *testing.T) {
	t.Parallel()
	conn := connect(t, startIn(t, t.TempDir()).AdminDSN())
	got := map[string]string{}
	want := map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"listen_addresses": "", "max_connections": "200", "shared_buffers": "128MB",
		"wal_segment_size": "2MB", "max_wal_size": "1GB", "min_wal_size": "80MB",
		"server_encoding": "UTF8", "lc_collate": "C.UTF-8", "TimeZone": "UTC",
	}
	for name := range want {
		got[name] = value[string](t, conn, `SELECT current_setting('`+name+`')`)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if got := value[string](t, conn, `SELECT lower('ÄÖÜ')`); got != "äöü" {
		t.Errorf("lower folds only ASCII: %q", got)
	}
}

func TestRowsAreThereAfterAStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startIn(t, dir)
	exec1(t, connect(t, as(first, "user")), `CREATE TABLE kept AS SELECT 42 AS n`)
	stop(t, first)

	second := startIn(t, dir)
	if got := value[int](t, connect(t, as(second, "user")), `SELECT n FROM kept`); got != 42 {
		t.Errorf("n = %d", got)
	}
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := startIn(t, dir)
	if _, err := Start(t.Context(), options(dir)); !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("second start: %v", err)
	}
	connect(t, srv.AdminDSN())
}

func TestALongDirectoryGetsAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	srv := startIn(t, dir)
	connect(t, srv.AdminDSN())
	stop(t, srv)
	if _, err := os.Stat(srv.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket directory left behind: %v", err)
	}
}

// The server is killed while a connection is open: its processes notice, and the
// next one takes over their cluster.
func TestAServerThatWasKilledIsRestartedWithItsRows(t *testing.T) {
	t.Parallel()
	srv := startIn(t, t.TempDir())
	conn := connect(t, as(srv, "user"))
	exec1(t, conn, `CREATE TABLE seen (n int)`)
	for n := range 2 {
		exec1(t, connect(t, as(srv, "user")), fmt.Sprintf(`INSERT INTO seen VALUES (%d)`, n))
		if err := syscall.Kill(srv.child.Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-srv.Done()
		if err := srv.Err(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
			t.Errorf("ended with %v", err)
		}
		if err := srv.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := value[int](t, connect(t, as(srv, "user")), `SELECT count(*) FROM seen`); got != n+1 {
			t.Errorf("%d rows, want %d", got, n+1)
		}
	}
}

// A full disk ends the server; while it is full no start succeeds and the error
// says why; when there is room again the next start does.
func TestAServerComesBackAfterAFullDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it mounts a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160m"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	srv := startIn(t, filepath.Join(dir, "data"))
	exec1(t, connect(t, as(srv, "user")), `CREATE TABLE seen (n int)`)
	exec1(t, connect(t, as(srv, "user")), `INSERT INTO seen VALUES (1)`)

	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	// Segments of the log that are there already are written until they are used up.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ended := false; !ended; {
		conn, err := pgx.Connect(ctx, as(srv, "user"))
		if err == nil {
			_, err = conn.Exec(ctx, `SELECT pg_logical_emit_message(true, 'filler', repeat('x', 1000000))`)
			_ = conn.Close(ctx)
		}
		if ctx.Err() != nil {
			t.Fatalf("the server goes on with a full disk: %v", err)
		}
		select {
		case <-srv.Done():
			ended = true
		default:
		}
	}
	t.Logf("ended with: %v", srv.Err())
	if err := srv.Restart(t.Context()); err == nil {
		t.Fatal("started with a full disk")
	} else if !strings.Contains(err.Error(), "space") {
		t.Errorf("the reason is missing: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := srv.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := value[int](t, connect(t, as(srv, "user")), `SELECT count(*) FROM seen WHERE n = 1`); got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
}

func TestANameThatIsNoSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "User", "pg_x", "public", "postgres", `a"b`, "a'b", "1a", strings.Repeat("a", 64)} {
		if _, err := Start(t.Context(), Options{Dir: t.TempDir(), Services: []string{name}}); err == nil {
			t.Errorf("%q accepted", name)
		}
	}
}

func TestRootMayRunAsAnotherUserWhereNamespacesAreForbidden(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	id, ok := impersonated("nobody")
	if !ok {
		t.Skip("no user nobody")
	}
	dir := openDir(t)
	srv, err := start(t.Context(), options(dir), []identity{id})
	if err != nil {
		t.Fatal(err)
	}
	exec1(t, connect(t, as(srv, "user")), `CREATE TABLE kept AS SELECT 42 AS n`)
	stop(t, srv)

	// The same data under the other identity: the files change hands.
	srv = startIn(t, dir)
	if got := value[int](t, connect(t, as(srv, "user")), `SELECT n FROM kept`); got != 42 {
		t.Errorf("n = %d", got)
	}
}

func TestAClosedParentIsNamedInTheError(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	id, ok := impersonated("nobody")
	if !ok {
		t.Skip("no user nobody")
	}
	closed := openDir(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := start(t.Context(), options(filepath.Join(closed, "data")), []identity{id})
	if err == nil || !strings.Contains(err.Error(), "as user nobody") {
		t.Errorf("err = %v", err)
	}
}

// openDir is a directory whose parents anyone may enter, unlike t.TempDir.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serveChild runs a server in another process of this binary and returns the
// process and its superuser DSN.
func serveChild(t *testing.T, binary, dir string, attr *syscall.SysProcAttr) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), serveDir+"="+dir)
	cmd.Dir = filepath.Dir(binary)
	cmd.SysProcAttr = attr
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || word != "ready" {
		t.Fatalf("child said %q: %v", line, err)
	}
	return cmd, rest
}

// kill is kill -9. The child holds the test's pipes no longer afterwards.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

func TestAcknowledgedRowsSurviveKillOfTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child, dsn := serveChild(t, binary, dir, nil)
	conn := connect(t, dsn)
	exec1(t, conn, `CREATE TABLE kept (n int)`)
	for range 50 {
		exec1(t, conn, `INSERT INTO kept VALUES (1)`)
	}
	kill(t, child)

	srv := startIn(t, dir)
	if got := value[int](t, connect(t, srv.AdminDSN()), `SELECT count(*) FROM kept`); got != 50 {
		t.Errorf("%d of 50 rows", got)
	}
}

func TestAServerLeftBehindIsStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := startIn(t, dir)
	exec1(t, connect(t, srv.AdminDSN()), `CREATE TABLE kept AS SELECT 42 AS n`)
	// As on systems that do not end a child with its parent: the lock is free,
	// the server lives.
	if err := srv.lock.Release(); err != nil {
		t.Fatal(err)
	}
	next := startIn(t, dir)
	<-srv.Done()
	if got := value[int](t, connect(t, next.AdminDSN()), `SELECT n FROM kept`); got != 42 {
		t.Errorf("n = %d", got)
	}
}

func TestAPidFileThatNamesAStrangerIsIgnored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, startIn(t, dir))
	clusters, err := filepath.Glob(filepath.Join(dir, "pg*", "PG_VERSION"))
	if err != nil || len(clusters) != 1 {
		t.Fatalf("%v %v", clusters, err)
	}
	stranger := fmt.Sprintf("%d\n", os.Getpid())
	if err := os.WriteFile(filepath.Join(filepath.Dir(clusters[0]), "postmaster.pid"), []byte(stranger), 0o600); err != nil {
		t.Fatal(err)
	}
	startIn(t, dir)
}

func TestAnOrdinaryUserRunsIt(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("the other tests are run by one")
	}
	id, ok := impersonated("nobody")
	if !ok {
		t.Skip("no user nobody")
	}
	dir := openDir(t)
	binary := filepath.Join(dir, "test")
	copyExecutable(t, binary)
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, id.uid, id.gid); err != nil {
		t.Fatal(err)
	}
	child, dsn := serveChild(t, binary, data, id.attr)
	connect(t, dsn)
	kill(t, child)
	again, dsn := serveChild(t, binary, data, id.attr)
	connect(t, dsn)
	kill(t, again)
}

func copyExecutable(t *testing.T, to string) {
	t.Helper()
	from, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}
