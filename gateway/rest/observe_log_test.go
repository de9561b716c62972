package rest

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// At level debug a request is one line, and what it said is not in it.
func TestARequestIsALineAtLevelDebug(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var level slog.LevelVar
	h, err := New(Servers{}, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: &level}))})
	if err != nil {
		t.Fatal(err)
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/ping?token=secret", nil))
	if log.Len() != 0 {
		t.Errorf("at level info: %s", log.String())
	}
	level.Set(slog.LevelDebug)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/ping?token=secret", nil))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/secret/path", nil))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "method=GET route=/ping status=200 status_code=0") ||
		!strings.Contains(lines[1], `route="" status=404 status_code=40001`) {
		t.Errorf("logged:\n%s", log.String())
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log tells what was sent:\n%s", log.String())
	}
}
