package infratest_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"
	"github.com/segmentio/kafka-go"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/infratest"
)

func TestMain(m *testing.M) {
	if os.Getenv("INFRATEST_WITHOUT_MAIN") != "" {
		os.Exit(withoutMain())
	}
	infratest.Main(m)
}

// failing is a test that keeps why it failed.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Helper() {}
func (f *failing) Fatal(args ...any) {
	f.why = fmt.Sprint(args...)
	runtime.Goexit()
}

// withoutMain asks for a server in a process that forgot Main.
func withoutMain() int {
	f := &failing{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		infratest.Postgres(f)
	}()
	<-done
	fmt.Println(f.why)
	return 0
}

func TestPostgresLetsATestMakeItsOwnSchema(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), infratest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	schema := pgx.Identifier{"test_" + strings.ToLower(rand.Text())}.Sanitize()
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "DROP SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
}

func TestRedisTracksAsItSays(t *testing.T) {
	t.Parallel()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{infratest.Redis(t)}, DisableCache: !infratest.RedisTracking(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Do(t.Context(), client.B().Ping().Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

func TestKafkaMakesTopics(t *testing.T) {
	t.Parallel()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(infratest.Kafka(t)...), Transport: transport}
	topic := "infratest." + rand.Text()
	res, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}},
	})
	if err != nil || res.Errors[topic] != nil {
		t.Fatal(err, res)
	}
}

func TestS3HasItsBucket(t *testing.T) {
	t.Parallel()
	store, err := blob.Open(t.Context(), infratest.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	key := rand.Text() + "/1.txt"
	if err := store.Put(t.Context(), key, strings.NewReader("x"), 1, "text/plain"); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

func TestEveryoneGetsTheSameServer(t *testing.T) {
	t.Parallel()
	if a, b := infratest.Redis(t), infratest.Redis(t); a != b {
		t.Errorf("%s and %s", a, b)
	}
}
