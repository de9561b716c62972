package kafka

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// passwordIn reads the password from a broker's directory, as people do.
func passwordIn(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestAStrangerIsRefused(t *testing.T) {
	t.Parallel()
	srv := startIn(t, t.TempDir())
	defer stop(t, srv)
	owner := dial(t, srv.Brokers()[0], srv.Password())
	owner.create(t, "likes")
	for name, login := range map[string]sasl.Mechanism{
		"no login":                nil,
		"a guess":                 scramLogin(t, User, "guess"),
		"the library's own user":  scramLogin(t, "admin", "admin"),
		"no password":             scramLogin(t, User, ""),
		"the password as a PLAIN": plain.Mechanism{Username: User, Password: srv.Password()},
	} {
		stranger := dialAs(t, srv.Brokers()[0], login)
		if err := stranger.write(t, "likes", "of a stranger"); err == nil {
			t.Errorf("%s: wrote", name)
		}
		if res, err := stranger.client.Metadata(t.Context(), &kafka.MetadataRequest{}); err == nil {
			t.Errorf("%s: saw %d topics", name, len(res.Topics))
		}
	}
	if err := owner.write(t, "likes", "of the owner"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"of the owner"}, owner.read(t, "likes", "counter", 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func scramLogin(t *testing.T, user, password string) sasl.Mechanism {
	t.Helper()
	login, err := scram.Mechanism(scram.SHA256, user, password)
	if err != nil {
		t.Fatal(err)
	}
	return login
}

func TestThePasswordIsItsOwnersAloneAndStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startIn(t, dir)
	info, err := os.Stat(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.FileMode(0o600) {
		t.Errorf("mode %v", info.Mode())
	}
	stop(t, first)
	second := startIn(t, dir)
	defer stop(t, second)
	if diff := cmp.Diff([]string{first.Password(), first.Password()}, []string{second.Password(), passwordIn(t, dir)}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dial(t, second.Brokers()[0], second.Password()).create(t, "likes")
}

// A directory of a broker that was open, or had another password, is taken over:
// the library's memory of its users does not lock the owner out.
func TestTheUsersOfLastTimeAreForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open, err := Start(t.Context(), Options{Dir: dir, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	if open.Password() != "" {
		t.Errorf("an open broker has the password %q", open.Password())
	}
	dialAs(t, open.Brokers()[0], nil).create(t, "likes")
	stop(t, open)
	for range 2 {
		srv := startIn(t, dir)
		if err := dial(t, srv.Brokers()[0], srv.Password()).write(t, "likes", "a"); err != nil {
			t.Error(err)
		}
		if err := dialAs(t, srv.Brokers()[0], nil).write(t, "likes", "b"); err == nil {
			t.Error("a stranger wrote")
		}
		stop(t, srv)
		if err := os.Remove(filepath.Join(dir, "password")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnEmptyPasswordIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if srv, err := Start(t.Context(), Options{Dir: dir}); err == nil {
		stop(t, srv)
		t.Error("a broker with an empty password")
	}
	// The directory is free again.
	if err := os.Remove(filepath.Join(dir, "password")); err != nil {
		t.Fatal(err)
	}
	stop(t, startIn(t, dir))
}
