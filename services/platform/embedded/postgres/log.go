package postgres

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// tailLines is how much of the log an error about a failed start repeats.
const tailLines = 20

// lineLog turns what the server prints into log records. Safe for concurrent use.
type lineLog struct {
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	last    []string
	// serving is true between the end of the start and the stop: outside of it
	// a FATAL is a refused connection, as it should be.
	serving bool
}

func newLineLog(log *slog.Logger) *lineLog { return &lineLog{log: log} }

// Write takes the server's output in any portions. It never fails.
func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.line(string(line))
		l.partial = rest
	}
}

func (l *lineLog) line(s string) {
	if s = strings.TrimSpace(s); s == "" {
		return
	}
	if l.last = append(l.last, s); len(l.last) > tailLines {
		l.last = slices.Delete(l.last, 0, len(l.last)-tailLines)
	}
	level := slog.LevelDebug
	switch {
	case strings.HasPrefix(s, "PANIC:"):
		level = slog.LevelError
	case strings.HasPrefix(s, "FATAL:") && l.serving:
		level = slog.LevelWarn
	}
	l.log.Log(context.Background(), level, "postgres", "line", s)
}

func (l *lineLog) ready()    { l.set(true) }
func (l *lineLog) stopping() { l.set(false) }

func (l *lineLog) set(serving bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serving = serving
}

// tail returns the last lines.
func (l *lineLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "\n")
}

// fatal returns the last lines that say why the server ended; "" when there is
// none, after a SIGKILL for example.
func (l *lineLog) fatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for i, line := range l.last {
		final := strings.HasPrefix(line, "PANIC:") || strings.HasPrefix(line, "FATAL:") && !ofConnection(line)
		if final && !slices.Contains(l.last[:i], line) {
			found = append(found, line)
		}
	}
	return strings.Join(found[max(0, len(found)-2):], "; ")
}

// ofConnection reports whether a FATAL ended a connection and not the server.
func ofConnection(line string) bool {
	return strings.Contains(line, "terminating connection") || strings.Contains(line, "the database system is")
}

// reason returns why the server ended, or all its last lines where it gave none.
func (l *lineLog) reason() string { return cmp.Or(l.fatal(), l.tail()) }

func (l *lineLog) mentions(s string) bool { return strings.Contains(l.tail(), s) }

func (l *lineLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = nil
}
