package s3

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/embedded"
)

// serveDir names the directory in which the test binary, started as a child,
// runs a gateway until it is killed. "sidecar:" before it asks for the sidecar.
const serveDir = "DOUYIN_TEST_SERVE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveDir); dir != "" {
		serveUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func serveUntilKilled(dir string) {
	dir, sidecar := strings.CutPrefix(dir, "sidecar:")
	srv, err := Start(context.Background(), Options{Dir: dir, Sidecar: sidecar})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	c := srv.Config()
	fmt.Println("ready", c.Endpoint, c.AccessKey, c.SecretKey)
	<-srv.Done()
	os.Exit(2)
}

// The library allows one gateway per process, so these tests do not run side
// by side.

func startIn(t *testing.T, opts Options) *Server {
	t.Helper()
	began := time.Now()
	srv, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
	return srv
}

func stop(t *testing.T, srv *Server) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Second)
	defer cancel()
	if err := srv.Stop(ctx); err != nil {
		t.Error(err)
	}
	t.Logf("stopped after %v", time.Since(began).Round(time.Millisecond))
}

func open(t *testing.T, cfg blob.Config) *blob.Store {
	t.Helper()
	store, err := blob.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func put(t *testing.T, store *blob.Store, key, body string) {
	t.Helper()
	if err := store.Put(t.Context(), key, strings.NewReader(body), int64(len(body)), "video/mp4"); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, store *blob.Store, key string) (body, contentType string) {
	t.Helper()
	o, err := store.Get(t.Context(), key, "")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(o.Body)
	if err = errors.Join(err, o.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b), o.ContentType
}

func TestObjectsAndCredentialsAreThereAfterAStop(t *testing.T) {
	dir := t.TempDir()
	for name, sidecar := range map[string]bool{"attributes": false, "sidecar": true} {
		t.Run(name, func(t *testing.T) {
			opts := Options{Dir: filepath.Join(dir, name), Sidecar: sidecar}
			first := startIn(t, opts)
			put(t, open(t, first.Config()), "original/1.mp4", "film")
			stop(t, first)

			// Later starts find out by themselves where the metadata is.
			opts.Sidecar = false
			second := startIn(t, opts)
			defer stop(t, second)
			if diff := cmp.Diff(first.Config(), second.Config()); diff != "" {
				t.Errorf("configuration moved (-first +second):\n%s", diff)
			}
			if body, typ := get(t, open(t, second.Config()), "original/1.mp4"); body != "film" || typ != "video/mp4" {
				t.Errorf("got %q of type %q", body, typ)
			}
		})
	}
}

func TestAGatewayThatEndedIsRestartedAtItsAddress(t *testing.T) {
	srv := startIn(t, Options{Dir: t.TempDir()})
	defer stop(t, srv)
	config := srv.Config()
	put(t, open(t, config), "original/1.mp4", "film")
	srv.present().cancel() // as an error of its listener would
	<-srv.Done()
	if err := srv.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config, srv.Config()); diff != "" {
		t.Errorf("configuration moved (-before +after):\n%s", diff)
	}
	if body, _ := get(t, open(t, config), "original/1.mp4"); body != "film" {
		t.Errorf("got %q", body)
	}
}

func TestObjectsSurviveKillOfTheProcess(t *testing.T) {
	for _, mode := range []string{"", "sidecar:"} {
		dir := t.TempDir()
		child, cfg := serveChild(t, mode, dir)
		for i := range 20 {
			put(t, open(t, cfg), fmt.Sprintf("original/%d.mp4", i), strings.Repeat("film", 1000))
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
		srv := startIn(t, Options{Dir: dir})
		store := open(t, srv.Config())
		for i := range 20 {
			if body, typ := get(t, store, fmt.Sprintf("original/%d.mp4", i)); len(body) != 4000 || typ != "video/mp4" {
				t.Errorf("object %d: %d bytes of type %q", i, len(body), typ)
			}
		}
		stop(t, srv)
	}
}

func TestTheWorkingDirectoryStays(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	srv := startIn(t, Options{Dir: t.TempDir()})
	defer stop(t, srv)
	// Ask on many threads: a working directory may be a thread's own.
	for range 50 {
		got := make(chan string)
		go func() {
			b, err := exec.Command("pwd").Output()
			if err != nil {
				b = []byte(err.Error())
			}
			got <- strings.TrimSpace(string(b))
		}()
		if after := <-got; after != before {
			t.Fatalf("working directory %s, was %s", after, before)
		}
	}
	if _, err := os.Stat("s3_test.go"); err != nil {
		t.Error(err)
	}
	put(t, open(t, srv.Config()), "a/b", "x")
}

func TestStrangersAreRefused(t *testing.T) {
	srv := startIn(t, Options{Dir: t.TempDir()})
	defer stop(t, srv)
	for name, change := range map[string]func(*blob.Config){
		"wrong secret":  func(c *blob.Config) { c.SecretKey = "guess" },
		"unknown key":   func(c *blob.Config) { c.AccessKey = "guess" },
		"other bucket":  func(c *blob.Config) { c.Bucket = "other" },
		"climbing path": func(c *blob.Config) { c.Bucket = ".." },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := srv.Config()
			change(&cfg)
			err := open(t, cfg).Put(t.Context(), "a/b", strings.NewReader("x"), 1, "text/plain")
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), srv.lock.Dir()) {
				t.Errorf("the error tells a path: %v", err)
			}
		})
	}
}

func TestCredentialsArePrivateAndRandom(t *testing.T) {
	dir := t.TempDir()
	a, err := loadCredentials(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := loadCredentials(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	if a.AccessKey == b.AccessKey || a.SecretKey == b.SecretKey || a.SecretKey == a.AccessKey {
		t.Error("keys repeat")
	}
	fi, err := os.Stat(filepath.Join(dir, "a"))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadCredentials(filepath.Join(dir, "c")); err == nil {
		t.Error("empty keys accepted")
	}
}

func TestAnUploadInPartsBecomesOneObject(t *testing.T) {
	srv := startIn(t, Options{Dir: t.TempDir()})
	defer stop(t, srv)
	cfg := srv.Config()
	client := awss3.New(awss3.Options{
		BaseEndpoint: &cfg.Endpoint, Region: cfg.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKey, cfg.SecretKey, ""),
	})
	key := aws.String("upload/1.mp4")
	up, err := client.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &cfg.Bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(up.Bucket) != cfg.Bucket {
		t.Errorf("bucket %q", aws.ToString(up.Bucket))
	}
	var parts []types.CompletedPart
	want := ""
	for n := int32(1); n <= 2; n++ {
		chunk := bytes.Repeat([]byte{'0' + byte(n)}, 5<<20)
		want += string(chunk)
		out, err := client.UploadPart(t.Context(), &awss3.UploadPartInput{
			Bucket: &cfg.Bucket, Key: key, UploadId: up.UploadId, PartNumber: &n, Body: bytes.NewReader(chunk),
		})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(n), ChecksumCRC32: out.ChecksumCRC32})
	}
	listed, err := client.ListParts(t.Context(), &awss3.ListPartsInput{Bucket: &cfg.Bucket, Key: key, UploadId: up.UploadId})
	if err != nil || len(listed.Parts) != 2 {
		t.Errorf("%d parts listed, %v", len(listed.Parts), err)
	}
	_, err = client.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{
		Bucket: &cfg.Bucket, Key: key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, open(t, cfg), *key); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	srv := startIn(t, Options{Dir: dir})
	defer stop(t, srv)
	if _, err := Start(t.Context(), Options{Dir: dir}); !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("second start: %v", err)
	}
	if _, err := Start(t.Context(), Options{Dir: t.TempDir()}); err == nil {
		t.Error("a second gateway in one process")
	}
}

// serveChild runs a gateway in another process of this binary.
func serveChild(t *testing.T, mode, dir string) (*exec.Cmd, blob.Config) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), serveDir+"="+mode+dir)
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
	words := strings.Fields(line)
	if err != nil || len(words) != 4 || words[0] != "ready" {
		t.Fatalf("child said %q: %v", line, err)
	}
	return cmd, blob.Config{
		Endpoint: words[1], Region: region, Bucket: "douyin", PathStyle: true, AccessKey: words[2], SecretKey: words[3],
	}
}
