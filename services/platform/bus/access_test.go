package bus_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/bus/bustest"
	"douyin.dev/services/platform/certtest"
	"douyin.dev/services/platform/tlsfiles"
)

var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// guarded is an in-process broker that wants a login, over TLS or not.
type guarded struct {
	address string
	files   certtest.Files
}

func newGuarded(t *testing.T, overTLS bool) guarded {
	t.Helper()
	files := certtest.New(t).Issue(t, t.TempDir(), "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1), kfake.EnableSASL(), kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}),
	}
	if overTLS {
		options = append(options, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}))
	}
	for _, m := range mechanisms {
		options = append(options, kfake.Superuser(m, "user-"+m, "password of "+m))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return guarded{cluster.ListenAddrs()[0], files}
}

// access returns the settings that let a process in.
func (g guarded) access(mechanism string) bus.Access {
	var a bus.Access
	a.TLS, a.CA = true, g.files.CA
	a.SASLMechanism, a.SASLUser, a.SASLPassword = mechanism, "user-"+mechanism, "password of "+mechanism
	return a
}

// connectAs connects with settings.
func connectAs(t *testing.T, address string, a bus.Access) *bus.Bus {
	t.Helper()
	security, err := a.Security("kafka-", testLog())
	if err != nil {
		t.Fatal(err)
	}
	b, err := bus.Connect(t.Context(), bus.Config{Brokers: []string{address}, ClientID: "test", Log: testLog(), Security: security})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestConformanceOverTLSWithEachLogin(t *testing.T) {
	t.Parallel()
	broker := newGuarded(t, true)
	for _, m := range mechanisms {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			bustest.Run(t, func(t *testing.T) *bus.Bus { return connectAs(t, broker.address, broker.access(m)) }, bustest.Short())
		})
	}
}

func TestARefusalIsToldFromABrokerThatIsDown(t *testing.T) {
	t.Parallel()
	broker := newGuarded(t, true)
	other := certtest.New(t).Issue(t, t.TempDir(), "elsewhere")
	for name, c := range map[string]struct {
		change func(*bus.Access)
		want   string // empty: let in
	}{
		"right":             {func(*bus.Access) {}, ""},
		"wrong password":    {func(a *bus.Access) { a.SASLPassword = "guessed" }, "closed the connection during the login"},
		"unknown user":      {func(a *bus.Access) { a.SASLUser = "nobody" }, "closed the connection during the login"},
		"wrong CA":          {func(a *bus.Access) { a.CA = other.CA }, "certificate signed by unknown authority"},
		"CA of the system":  {func(a *bus.Access) { a.CA = "" }, "certificate"},
		"wrong server name": {func(a *bus.Access) { a.ServerName = "kafka.example" }, "kafka.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, m := range mechanisms {
				a := broker.access(m)
				c.change(&a)
				err := connectAs(t, broker.address, a).CheckAccess(t.Context())
				if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, bus.ErrRefused) || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: got %v, want %q", m, err, c.want)
				}
				if err != nil && strings.Contains(err.Error(), a.SASLPassword) {
					t.Errorf("%s: the password is in the error", m)
				}
			}
		})
	}
	if err := connectAs(t, "127.0.0.1:1", broker.access("PLAIN")).CheckAccess(t.Context()); err != nil {
		t.Errorf("a broker that is down: %v", err)
	}
}

// A broker that stops during a login must not hold the process: kafka-go has no
// deadline there.
func TestALoginThatGetsNoAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	broker := newGuarded(t, false)
	access := broker.access("SCRAM-SHA-256")
	access.TLS, access.CA = false, ""
	if err := connectAs(t, broker.address, access).EnsureTopics(t.Context(), bus.TopicSpec{Name: "login", Partitions: 1, Replication: 1}); err != nil {
		t.Fatal(err)
	}
	// The pool's first connection, and the group's.
	for name, silent := range map[string]int64{"publish": 1, "consume": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connectAs(t, silentLogins(t, broker.address, silent), access)
			if err := b.Publish(t.Context(), bus.Message{Topic: "login", Value: []byte(name)}); err != nil {
				t.Fatal(err)
			}
			if name == "publish" {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			got := false
			err := b.Consume(ctx, bus.Subscription{Group: name, Topics: []string{"login"}, Handle: func(context.Context, []bus.Message) error {
				got = true
				cancel()
				return nil
			}})
			if err != nil || !got {
				t.Errorf("nothing came: %v", err)
			}
		})
	}
}

// silentLogins is the address of a proxy whose first connections pass one request
// and its answer, and nothing after that.
func silentLogins(t *testing.T, target string, silent int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for n := int64(1); ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { proxy(c, target, n <= silent) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return l.Addr().String()
}

func proxy(c net.Conn, target string, silent bool) {
	defer c.Close()
	there, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer there.Close()
	if !silent {
		go func() { _, _ = io.Copy(there, c); _ = there.Close() }()
		_, _ = io.Copy(c, there)
		return
	}
	if passFrame(there, c) == nil && passFrame(c, there) == nil {
		_, _ = io.Copy(io.Discard, c)
	}
}

// passFrame copies a request or an answer: four bytes of length, and the rest.
func passFrame(to io.Writer, from io.Reader) error {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return err
	}
	if _, err := to.Write(length[:]); err != nil {
		return err
	}
	_, err := io.CopyN(to, from, int64(binary.BigEndian.Uint32(length[:])))
	return err
}

func TestTheDeadLetterCommandHasTheSettings(t *testing.T) {
	t.Parallel()
	var c bus.DeadLetterCommand
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"list", "--tls", "--tls-ca=ca", "--sasl-mechanism=PLAIN", "--sasl-user=me", "--sasl-password=p"}); err != nil {
		t.Fatal(err)
	}
	want := bus.Access{Settings: tlsfiles.Settings{TLS: true, CA: "ca"}, SASLMechanism: "PLAIN", SASLUser: "me", SASLPassword: "p"}
	if diff := cmp.Diff(want, c.Access); diff != "" {
		t.Error(diff)
	}
	for _, f := range parser.Model.Flags {
		if f.Name == "sasl-password" && f.Envs[0] != "DOUYIN_KAFKA_SASL_PASSWORD" {
			t.Errorf("%s comes from %v", f.Name, f.Envs)
		}
	}
}
