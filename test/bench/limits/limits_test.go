package limits

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"douyin.dev/test/bench/load"
)

func TestServerAnswersWhatTheLimitsSay(t *testing.T) {
	t.Parallel()
	in, stop := io.Pipe()
	lines, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(t.Context(), 17_000, in, out) }()
	line := make([]byte, 64)
	n, err := lines.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{Address: strings.TrimSpace(string(line[:n]))}
	for path, want := range map[string]int{PathS: 17_000, PathH: 300} {
		result, err := load.Run(t.Context(), load.Options{
			Dial: load.DialTCP(server.Address), Connections: 1, Duration: 20 * time.Millisecond, Sample: 1,
			Client: func(int) load.Client { return &exact{page{load.Get(nil, server.Address, path, "")}, want} },
		})
		if err != nil || result.Wrong > 0 || result.Errors > 0 || result.Sampled == 0 {
			t.Errorf("%s: %+v, %v", path, result, err)
		}
	}
	if rate, err := HTTP(t.Context(), server, PathH, 2, 0, 50*time.Millisecond); err != nil || rate <= 0 {
		t.Errorf("H is %f, %v", rate, err)
	}
	if _, err := HTTP(t.Context(), server, "/missing", 1, 0, 50*time.Millisecond); err == nil {
		t.Error("a page that is not there was measured")
	}
	if err := errors.Join(stop.Close(), <-done); err != nil {
		t.Error(err)
	}
}

// exact judges the length of a page.
type exact struct {
	page
	bytes int
}

func (e *exact) Judge() func(load.Answer) error {
	return func(a load.Answer) error {
		if len(a.Body) != e.bytes {
			return errors.New("another length")
		}
		return nil
	}
}

func TestWriterCommitsWaitingCallersTogether(t *testing.T) {
	t.Parallel()
	const callers = 16
	largest, rows := 0, map[int64]bool{}
	w := &Writer{commit: func(_ context.Context, a, b, c, at []int64) error {
		largest = max(largest, len(b))
		for _, id := range b {
			if rows[id] {
				t.Errorf("row %d was written twice", id)
			}
			rows[id] = true
		}
		time.Sleep(time.Millisecond) // as a commit takes: the others gather meanwhile
		return nil
	}}
	rate, err := w.Measure(t.Context(), callers, 0, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if largest < 2 || largest > callers {
		t.Errorf("the largest batch had %d rows of %d callers", largest, callers)
	}
	if acknowledged := rate * 0.1; rate <= 0 || acknowledged > float64(len(rows)) {
		t.Errorf("%.0f rows counted, %d written", acknowledged, len(rows))
	}
}

func TestWriterThatFailsIsNoLimit(t *testing.T) {
	t.Parallel()
	w := &Writer{commit: func(context.Context, []int64, []int64, []int64, []int64) error { return errors.New("disk full") }}
	if _, err := w.Measure(t.Context(), 4, 0, time.Hour); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v", err)
	}
}
