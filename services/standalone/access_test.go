package standalone_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/catalog"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/embedded/kafka"
	"douyin.dev/services/platform/embedded/redis"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/rpc"
	"douyin.dev/services/standalone"
)

func TestMain(m *testing.M) { infratest.Main(m) }

// bare is the domain services of a standalone on the public port, without the
// gateway in front: what a neighbour inside the mesh sees.
type bare struct{ *standalone.Component }

// Mount implements app.Component.
func (b bare) Mount(ctx context.Context, rt *app.Runtime) error {
	for _, service := range catalog.All() {
		if service.Kind != catalog.Domain {
			continue
		}
		if err := b.Of(service.Name).Mount(ctx, rt.Child(service.Name, rt.Mux(), nil)); err != nil {
			return fmt.Errorf("%s: %w", service.Name, err)
		}
	}
	return nil
}

// services starts every domain service with a signing key and returns their
// one address.
func services(t *testing.T, key *auth.Key) string {
	t.Helper()
	return start(t, key, func(c *standalone.Component) app.Component { return bare{c} })
}

// start starts what component makes of the platform, with a signing key, and
// returns its one address.
func start(t *testing.T, key *auth.Key, component func(*standalone.Component) app.Component) string {
	t.Helper()
	var c struct {
		app.Config           `embed:""`
		standalone.Component `embed:""`
	}
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Error("the defaults do not parse") }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	pem, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	c.User.SigningKey, c.DataDir = string(pem), t.TempDir()
	c.Listen, c.PrivateListen = infratest.FreeAddress(t), infratest.FreeAddress(t)
	c.ServiceURL = "http://" + c.Listen
	c.PostgresDSN = database(t)
	// A broker and a cache of its own: consumers must not meet those of other tests.
	broker, err := kafka.Start(t.Context(), kafka.Options{Dir: t.TempDir(), NoSync: true, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := redis.Start(t.Context(), redis.Options{Dir: t.TempDir(), InProcess: true, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	c.KafkaBrokers, c.RedisAddrs, c.RedisClientCaching = broker.Brokers(), []string{cache.Addr()}, cache.ClientCaching()
	store := infratest.S3(t)
	c.S3Endpoint, c.S3Region, c.S3Bucket, c.S3AccessKey, c.S3SecretKey = store.Endpoint, store.Region, store.Bucket, store.AccessKey, store.SecretKey

	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx, "mesh", &c.Config, component(&c.Component)) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("services ended with %v", err)
		}
		if err := broker.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := cache.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	awaitReady(t, "http://"+c.PrivateListen+"/readyz", done)
	return c.ServiceURL
}

func awaitReady(t *testing.T, probe string, ended chan error) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, probe, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("services did not start: %v", err)
		case <-deadline:
			t.Fatal("services are not ready in time")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// database is an empty database on the shared server.
func database(t *testing.T) string {
	t.Helper()
	dsn := infratest.Postgres(t)
	admin, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.Background()) }()
	name := "access_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// meshRPCs are the methods of every domain service, from the descriptors that
// are linked into the platform.
func meshRPCs() []protoreflect.MethodDescriptor {
	var all []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		name := string(file.Package())
		if !strings.HasPrefix(name, "douyin.") || strings.HasPrefix(name, "douyin.api.") {
			return true
		}
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				all = append(all, methods.Get(j))
			}
		}
		return true
	})
	return all
}

// meshTokens are the tokens that no service may act on.
func meshTokens(t *testing.T, key *auth.Key) map[string]string {
	t.Helper()
	must := func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	stranger, err := auth.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	yesterday := auth.NewIssuer(func() time.Time { return time.Now().Add(-24 * time.Hour) }, key)
	ours := auth.NewIssuer(time.Now, key)
	good := must(ours.SignViewer(7, "session", time.Hour))
	parts := strings.Split(good, ".")
	flipped := []byte(parts[2])
	flipped[0] ^= 'A' ^ 'B'
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return map[string]string{
		"Garbage":     "garbage",
		"Expired":     must(yesterday.SignViewer(7, "session", time.Hour)),
		"WrongKey":    must(auth.NewIssuer(time.Now, stranger).SignViewer(7, "session", time.Hour)),
		"OfAClient":   must(ours.SignSession(7, "session", time.Hour)),
		"AlgNone":     encode(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"AlgHMAC":     encode(`{"alg":"HS256","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"Tampered":    parts[0] + "." + parts[1] + "." + string(flipped),
		"OtherClaims": parts[0] + "." + encode(`{"iss":"douyin","sub":"1","aud":["mesh"],"sid":"x","exp":4102444800}`) + "." + parts[2],
		"NoSignature": parts[0] + "." + parts[1] + ".",
	}
}

const (
	admitted        = "admitted"
	unauthenticated = "unauthenticated"
)

// session opens a session: what a request that asks about a token asks about.
func session(t *testing.T, base string) string {
	t.Helper()
	user := userv1connect.NewUserServiceClient(http.DefaultClient, base)
	res, err := user.Register(t.Context(), &userv1.RegisterRequest{Username: "matrix", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetToken()
}

// requestOf is an empty request, but for a token it asks about.
func requestOf(t *testing.T, m protoreflect.MethodDescriptor, session string) []byte {
	t.Helper()
	fields := map[string]string{}
	if m.Input().Fields().ByName("token") != nil {
		fields["token"] = session
	}
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// outcome calls a method over Connect with next to no request: what matters is
// whether the call got past the door. A stream that begins got past it.
func outcome(t *testing.T, base string, m protoreflect.MethodDescriptor, body []byte, token *string) string {
	t.Helper()
	contentType := "application/json"
	streaming := m.IsStreamingClient() || m.IsStreamingServer()
	if streaming {
		body, contentType = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...), "application/connect+json"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	address := fmt.Sprintf("%s/%s/%s", base, m.Parent().FullName(), m.Name())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if token != nil {
		req.Header.Set(auth.HeaderViewerToken, *token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := answer(res, streaming)
	if err != nil {
		t.Fatalf("%s: %v", m.FullName(), err)
	}
	var failure struct {
		Code, Message string
		Error         struct{ Code, Message string }
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &failure); err != nil {
			t.Fatalf("%s: %v: %q", m.FullName(), err, text)
		}
	}
	switch code := failure.Code + failure.Error.Code; code {
	case unauthenticated:
		return code
	case "unimplemented", "internal", "unknown", "unavailable":
		return fmt.Sprintf("%s (%s)", code, failure.Message+failure.Error.Message)
	default: // a refusal for what the empty request lacks is an admission
		return admitted
	}
}

// answer is the JSON of an answer; of a stream, its first message.
func answer(res *http.Response, streaming bool) ([]byte, error) {
	if !streaming {
		return io.ReadAll(res.Body)
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, head); err != nil {
		return nil, err
	}
	text := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(res.Body, text)
	if head[0]&2 == 0 {
		return nil, err // a message: the stream has begun
	}
	return text, err
}

// The authorization matrix of the mesh. What must happen follows from the
// access an RPC declares: without a viewer only what is open, with a bad token
// nothing at all, for a neighbour that sends one is broken or hostile.
func TestEveryMeshRPCHoldsTheAccessItDeclares(t *testing.T) {
	t.Parallel()
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	base := services(t, key)
	bad := meshTokens(t, key)
	good, err := auth.NewIssuer(time.Now, key).SignViewer(7, "session", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	all := meshRPCs()
	if len(all) < 30 {
		t.Fatalf("found only %d RPCs", len(all))
	}
	asked := session(t, base)
	for _, m := range all {
		t.Run(string(m.FullName()), func(t *testing.T) {
			without := admitted
			switch rpc.AccessOf(m) {
			case rpc.AccessViewer:
				without = unauthenticated
			case rpc.AccessOpen:
			default:
				t.Fatal("declares no (douyin.options.v1.access)")
			}
			empty := ""
			try := func(name string, token *string, want string) {
				t.Helper()
				if got := outcome(t, base, m, requestOf(t, m, asked), token); got != want {
					t.Errorf("%s token: got %s, want %s", name, got, want)
				}
			}
			try("no", nil, without)
			try("empty", &empty, without)
			for name, token := range bad {
				try(name, &token, unauthenticated)
			}
			if !m.IsStreamingServer() || m.IsStreamingClient() {
				try("good", &good, admitted)
			}
		})
	}
}

// A1. Who acts is who the token says: a request that changes something has no
// field for it.
func TestNoMeshRPCLetsTheCallerSayWhoActs(t *testing.T) {
	t.Parallel()
	for _, m := range meshRPCs() {
		if rpc.AccessOf(m) != rpc.AccessViewer {
			continue
		}
		// Not user_id: it names whom a follow is for.
		for _, actor := range []protoreflect.Name{"from_user_id", "author_id", "actor_id", "viewer_id", "owner_id", "follower_id"} {
			if m.Input().Fields().ByName(actor) != nil {
				t.Errorf("%s has the field %s", m.FullName(), actor)
			}
		}
	}
}
