package app

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/certtest"
)

var quiet = slog.New(slog.DiscardHandler)

// storeFlags sets each setting by which a process reaches Redis and Kafka.
func storeFlags(files certtest.Files) []string {
	return []string{
		"--redis-sentinel-addrs=s:1,t:2", "--redis-sentinel-master=main", "--redis-sentinel-username=watcher",
		"--redis-sentinel-password=watches", "--redis-db=3", "--redis-username=app", "--redis-password=reads",
		"--redis-tls", "--redis-tls-ca=" + files.CA, "--redis-tls-cert=" + files.Certificate, "--redis-tls-key=" + files.Key,
		"--redis-tls-server-name=cache", "--no-redis-client-caching",
		"--kafka-brokers=k:1,l:2", "--kafka-tls", "--kafka-tls-ca=" + files.CA, "--kafka-tls-cert=" + files.Certificate,
		"--kafka-tls-key=" + files.Key, "--kafka-tls-server-name=broker",
		"--kafka-sasl-mechanism=SCRAM-SHA-512", "--kafka-sasl-user=app", "--kafka-sasl-password=publishes",
	}
}

// It sets the environment, so it runs alone.
func TestAnotherProcessGetsTheStoresFromTheEnvironment(t *testing.T) {
	files := certtest.New(t).Issue(t, t.TempDir(), "app")
	given, _, err := parse("shop", &shop{}, append(storeFlags(files), "--postgres-dsn=postgres://p/", "--s3-bucket=films", "--log-level=debug"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := Environment(given, "postgres-", "redis-", "kafka-", "s3-")
	if err != nil {
		t.Fatal(err)
	}
	for _, nv := range env {
		name, value, _ := strings.Cut(nv, "=")
		t.Setenv(name, value)
	}
	got, _, err := parse("shop", &shop{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	given.LogLevel = got.LogLevel // is not of a store
	if diff := cmp.Diff(given, got); diff != "" {
		t.Errorf("(-given +got):\n%s", diff)
	}
}

func TestSettingsOfRedisThatContradictEachOtherAreNamed(t *testing.T) {
	t.Parallel()
	files := certtest.New(t).Issue(t, t.TempDir(), "app")
	for flags, want := range map[string]string{
		"":                                      "redis-addrs is needed, or redis-sentinel-addrs",
		"--redis-addrs=r:1 --redis-username=me": "redis-password is needed: redis-username goes with it",
		"--redis-addrs=r:1 --redis-sentinel-addrs=s:1 --redis-sentinel-master=m": "redis-addrs and redis-sentinel-addrs exclude each other",
		"--redis-sentinel-addrs=s:1":                                                                   "redis-sentinel-master is needed",
		"--redis-addrs=r:1 --redis-sentinel-master=m":                                                  "redis-sentinel-addrs is needed",
		"--redis-addrs=r:1 --redis-sentinel-password=p":                                                "redis-sentinel-addrs is needed",
		"--redis-sentinel-addrs=s:1 --redis-sentinel-master=m --redis-sentinel-username=w":             "redis-sentinel-password is needed",
		"--redis-sentinel-addrs=s:1 --redis-sentinel-master=m --redis-cluster":                         "redis-cluster and redis-sentinel-addrs exclude each other",
		"--redis-addrs=r:1,q:1 --redis-db=1":                                                           "redis-db is 1, but a cluster has 0 alone",
		"--redis-addrs=r:1 --redis-cluster --redis-db=1":                                               "redis-db is 1, but a cluster has 0 alone",
		"--redis-addrs=r:1 --redis-db=-1":                                                              "redis-db is -1",
		"--redis-addrs=r:1 --redis-tls-ca=" + files.CA:                                                 "redis-tls is needed: redis-tls-ca goes with it",
		"--redis-addrs=r:1 --redis-tls-server-name=cache":                                              "redis-tls is needed: redis-tls-server-name goes with it",
		"--redis-addrs=r:1 --redis-tls --redis-tls-cert=" + files.Certificate:                          "redis-tls-key is needed: redis-tls-cert goes with it",
		"--redis-addrs=r:1 --redis-tls --redis-tls-key=" + files.Key:                                   "redis-tls-cert is needed: redis-tls-key goes with it",
		"--redis-addrs=r:1 --redis-tls --redis-tls-ca=" + files.CA + "x":                               "redis-tls: tls credentials: open",
		"--redis-addrs=r:1 --redis-tls --redis-tls-ca=" + files.Key:                                    "redis-tls: tls ca: no certificate is in it",
		"--redis-addrs=r:1 --redis-tls --redis-tls-cert=" + files.CA + " --redis-tls-key=" + files.Key: "redis-tls: tls certificate and key",
	} {
		config, _, err := parse("shop", &shop{}, strings.Fields(flags))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := redisOption(config, quiet); err == nil || !strings.HasPrefix(err.Error(), "configuration: "+want) {
			t.Errorf("%s: got %v, want %q", flags, err, want)
		}
	}
}

func TestSettingsOfKafkaThatContradictEachOtherAreNamed(t *testing.T) {
	t.Parallel()
	together := " is needed: kafka-sasl-mechanism, kafka-sasl-user and kafka-sasl-password go together"
	files := certtest.New(t).Issue(t, t.TempDir(), "app")
	for flags, want := range map[string]string{
		"--kafka-sasl-password=secret":                                                               "kafka-sasl-mechanism" + together,
		"--kafka-sasl-user=me --kafka-sasl-password=secret":                                          "kafka-sasl-mechanism" + together,
		"--kafka-sasl-mechanism=PLAIN --kafka-sasl-user=me":                                          "kafka-sasl-password" + together,
		"--kafka-sasl-mechanism=SCRAM-SHA-256 --kafka-sasl-password=secret":                          "kafka-sasl-user" + together,
		"--kafka-tls-cert=" + files.Certificate:                                                      "kafka-tls is needed: kafka-tls-cert goes with it",
		"--kafka-tls --kafka-tls-cert=" + files.Certificate:                                          "kafka-tls-key is needed: kafka-tls-cert goes with it",
		"--kafka-tls --kafka-tls-ca=" + files.CA + "x":                                               "kafka-tls: tls credentials: open",
		"--kafka-sasl-mechanism=SCRAM-SHA-256 --kafka-sasl-user=me --kafka-sasl-password=se\x01cret": "kafka-sasl-user or kafka-sasl-password has a character that SCRAM forbids",
	} {
		config, _, err := parse("shop", &shop{}, strings.Fields("--listen=127.0.0.1:0 --private-listen=127.0.0.1:0 --kafka-brokers=127.0.0.1:1 "+flags))
		if err != nil {
			t.Fatal(err)
		}
		log := newJournal()
		err = run(t.Context(), "shop", config, component(edge), log)
		if err == nil || !strings.HasPrefix(err.Error(), "configuration: "+want) {
			t.Errorf("%s: got %v, want %q", flags, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
	if _, _, err := parse("shop", &shop{}, []string{"--kafka-sasl-mechanism=GSSAPI"}); err == nil || !strings.Contains(err.Error(), "--kafka-sasl-mechanism") {
		t.Errorf("an unknown mechanism: %v", err)
	}
}
