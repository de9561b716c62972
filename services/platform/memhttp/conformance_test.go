package memhttp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience bounds what must happen but not when.
const patience = 20 * time.Second

// eachForm runs a test over every way from a client to a handler.
func eachForm(t *testing.T, test func(*testing.T, func(http.HandlerFunc) http.RoundTripper)) {
	t.Helper()
	for name, open := range forms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, func(h http.HandlerFunc) http.RoundTripper { return open(t, h) })
		})
	}
}

func request(ctx context.Context, t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://video/a%2Fb/c?x=1&y=", body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func send(t *testing.T, way http.RoundTripper, req *http.Request) *http.Response {
	t.Helper()
	res, err := way.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain for", what)
	}
}

func TestHandlerSeesTheRequest(t *testing.T) {
	t.Parallel()
	type key struct{}
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		type seen struct {
			Method, Host, Path, RawPath, URI, Header, Body string
			Length                                         int64
			Major                                          int
			Value                                          any
		}
		var got seen
		way := open(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = seen{
				r.Method, r.Host, r.URL.Path, r.URL.RawPath, r.RequestURI, strings.Join(r.Header["X-Two"], ","), string(b),
				r.ContentLength, r.ProtoMajor, r.Context().Value(key{}),
			}
			w.WriteHeader(http.StatusTeapot)
		})
		req := request(context.WithValue(t.Context(), key{}, "mine"), t, strings.NewReader("hello"))
		req.Header["X-Two"] = []string{"a", "b"}
		res := send(t, way, req)
		want := seen{"POST", "video", "/a/b/c", "/a%2Fb/c", "/a%2Fb/c?x=1&y=", "a,b", "hello", 5, 2, nil}
		if diff := cmp.Diff(want, got); diff != "" || res.StatusCode != http.StatusTeapot {
			t.Errorf("status %d, request (-want +got):\n%s", res.StatusCode, diff)
		}
	})
}

func TestCallerSeesHeadBodyAndTrailers(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		way := open(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Before", "1")
			w.Header().Set("Trailer", "X-Announced")
			_, _ = io.WriteString(w, "<html>")
			w.Header().Set("X-Before", "2")
			w.Header().Set("X-After", "1")
			w.Header().Set("X-Announced", "yes")
			w.Header().Set(http.TrailerPrefix+"X-Prefixed", "too")
			_, _ = io.WriteString(w, "</html>")
		})
		res := send(t, way, request(t.Context(), t, nil))
		body := readAll(t, res.Body)
		got := map[string]string{
			"body": body, "before": res.Header.Get("X-Before"), "after": res.Header.Get("X-After"), "type": res.Header.Get("Content-Type"),
			"announced": res.Trailer.Get("X-Announced"), "prefixed": res.Trailer.Get("X-Prefixed"),
			"leaked": res.Header.Get("X-Announced") + res.Header.Get(http.TrailerPrefix+"X-Prefixed"),
		}
		want := map[string]string{
			"body": "<html></html>", "before": "1", "after": "", "type": "text/html; charset=utf-8",
			"announced": "yes", "prefixed": "too", "leaked": "",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})
}

func TestNothingWrittenIsAnEmptyAnswer(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		res := send(t, open(func(http.ResponseWriter, *http.Request) {}), request(t.Context(), t, nil))
		if body := readAll(t, res.Body); res.StatusCode != http.StatusOK || body != "" {
			t.Errorf("got %d %q", res.StatusCode, body)
		}
	})
}

func TestBothDirectionsStreamAtOnce(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		way := open(func(w http.ResponseWriter, r *http.Request) {
			flush := http.NewResponseController(w)
			_ = flush.Flush()
			buf := make([]byte, 64)
			for {
				n, err := r.Body.Read(buf)
				_, _ = w.Write(bytes.ToUpper(buf[:n]))
				_ = flush.Flush()
				if err != nil {
					return
				}
			}
		})
		reader, writer := io.Pipe()
		res := send(t, way, request(t.Context(), t, reader))
		for _, word := range []string{"one", "two", "three"} {
			if _, err := io.WriteString(writer, word); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(word))
			if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != strings.ToUpper(word) {
				t.Fatalf("sent %q, got %q, %v", word, got, err)
			}
		}
		_ = writer.Close()
		if rest := readAll(t, res.Body); rest != "" {
			t.Errorf("after the end: %q", rest)
		}
	})
}

func TestCallerWhoLeavesEndsTheHandler(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		entered, ended := make(chan struct{}), make(chan struct{})
		way := open(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(ended)
		})
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			res, err := way.RoundTrip(request(ctx, t, nil))
			if err == nil {
				_ = res.Body.Close()
			}
			failed <- err
		}()
		await(t, "the handler", entered)
		cancel()
		await(t, "the end of the handler's context", ended)
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("caller got %v", err)
		}
	})
}

func TestCallerDoesNotWaitForAHandlerThatIgnoresIt(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		entered, leave := make(chan struct{}), make(chan struct{})
		way := open(func(http.ResponseWriter, *http.Request) {
			close(entered)
			<-leave
		})
		t.Cleanup(func() { close(leave) }) // before the server is closed: last in, first out
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-entered
			cancel()
		}()
		res, err := way.RoundTrip(request(ctx, t, nil))
		if err == nil {
			_ = res.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("caller got %v", err)
		}
	})
}

func TestBodyLeftUnreadEndsTheHandler(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		failed := make(chan struct{})
		way := open(func(w http.ResponseWriter, _ *http.Request) {
			defer close(failed)
			for {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		})
		res := send(t, way, request(t.Context(), t, nil))
		_ = res.Body.Close()
		await(t, "the handler's writes to fail", failed)
	})
}

func TestStreamStopsWithItsContext(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		ended := make(chan struct{})
		way := open(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		ctx, cancel := context.WithCancel(t.Context())
		res := send(t, way, request(ctx, t, nil))
		if _, err := io.ReadFull(res.Body, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := res.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("read gives %v", err)
		}
		await(t, "the handler", ended)
	})
}

func TestWriterWaitsForItsReader(t *testing.T) {
	t.Parallel()
	const total = 8 << 20 // more than any window
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		done := make(chan struct{})
		way := open(func(w http.ResponseWriter, _ *http.Request) {
			defer close(done)
			for sent := 0; sent < total; sent += 1 << 20 {
				_, _ = w.Write(bytes.Repeat([]byte{byte(sent >> 20)}, 1<<20))
			}
		})
		res := send(t, way, request(t.Context(), t, nil))
		select {
		case <-done:
			t.Error("wrote everything and nobody read")
		case <-time.After(50 * time.Millisecond):
		}
		got := readAll(t, res.Body)
		for i := range 8 {
			if part := got[i<<20 : (i+1)<<20]; strings.Trim(part, string(rune(i))) != "" {
				t.Errorf("part %d is not what was written", i)
			}
		}
		if len(got) != total {
			t.Errorf("read %d bytes", len(got))
		}
	})
}

func TestEarlyAnswerEndsAnUpload(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		way := open(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 3))
			w.WriteHeader(http.StatusForbidden)
		})
		reader, writer := io.Pipe()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				if _, err := writer.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}()
		if res := send(t, way, request(t.Context(), t, reader)); res.StatusCode != http.StatusForbidden {
			t.Errorf("status %d", res.StatusCode)
		}
		await(t, "the upload to stop", stopped)
	})
}

func TestPanicBreaksTheCallOff(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		res, err := open(func(http.ResponseWriter, *http.Request) { panic("broken") }).RoundTrip(request(t.Context(), t, nil))
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("before the head: answered %d", res.StatusCode)
		}
		way := open(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		res, err = way.RoundTrip(request(t.Context(), t, nil))
		if err != nil {
			return // the reset overtook the head
		}
		defer func() { _ = res.Body.Close() }()
		if b, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("in the body: read %q to its end", b)
		}
	})
}

func TestHeadersAreNotShared(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, open func(http.HandlerFunc) http.RoundTripper) {
		proceed := make(chan struct{})
		way := open(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Mine", "changed")
			_ = http.NewResponseController(w).Flush()
			<-proceed
			w.Header().Set("X-Late", "1")
			r.Header.Set("X-Mine", "again")
		})
		req := request(t.Context(), t, nil)
		req.Header.Set("X-Mine", "1")
		res := send(t, way, req)
		res.Header.Set("X-Late", "0") // with -race this finds a shared map
		close(proceed)
		_ = readAll(t, res.Body)
		if req.Header.Get("X-Mine") != "1" || res.Header.Get("X-Late") != "0" {
			t.Errorf("request %v, answer %v", req.Header, res.Header)
		}
	})
}
