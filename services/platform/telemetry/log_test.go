package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"douyin.dev/services/platform/telemetry"
)

func TestTheHandlerDoesWhatSlogAsksOfOne(t *testing.T) {
	t.Parallel()
	var log *bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		log = &bytes.Buffer{}
		return telemetry.NewLogHandler(log, slog.LevelDebug)
	}, func(t *testing.T) map[string]any {
		var line map[string]any
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		return line
	})
}

// keys returns the keys of a line in order, also those that are there twice.
func keys(t *testing.T, line string) []string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(line))
	var all []string
	depth, key := 0, false
	for decoder.More() || depth > 0 {
		token, err := decoder.Token()
		if err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			key = token == json.Delim('{')
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			key = true
			continue
		}
		if key {
			all = append(all, fmt.Sprintf("%d %v", depth, token))
		}
		key = !key
	}
	return all
}

func TestEachKeyIsInALineOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	base := slog.New(telemetry.NewLogHandler(&log, slog.LevelDebug)).With("service", "standalone")
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := trace.ContextWithSpanContext(context.Background(), span)
	base.With("service", "user", "component", "user").InfoContext(ctx, "one", "service", "video", "component", "feed", "trace_id", "mine", "trace_id", "yours")
	base.Info("two", "msg", 1, "level", 2, "time", 3, "service", "user")
	base.Info("three", "", slog.GroupValue(slog.Int("a", 1), slog.Int("a", 2)), "g", slog.GroupValue(slog.Int("a", 1), slog.Int("a", 2)))
	base.WithGroup("g").With("a", 1).Info("four", "a", 2, "service", "in the group")
	for line := range strings.Lines(log.String()) {
		all := keys(t, line)
		if unique := slices.Compact(slices.Sorted(slices.Values(all))); len(unique) != len(all) {
			t.Errorf("%v in %s", all, line)
		}
	}
	var last []string
	for line := range strings.Lines(log.String()) {
		var fields struct {
			Service string
			A       int
			G       struct{ A int }
		}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		last = append(last, fmt.Sprint(fields))
	}
	if diff := cmp.Diff([]string{"{video 0 {0}}", "{user 0 {0}}", "{standalone 2 {2}}", "{standalone 0 {2}}"}, last); diff != "" {
		t.Errorf("the last value counts (-want +got):\n%s", diff)
	}
}

func TestAnErrorThatIsNoneIsLeftOut(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var none error
	slog.New(telemetry.NewLogHandler(&log, slog.LevelInfo)).Info("done", "error", none, "n", 1)
	if strings.Contains(log.String(), "error") || !strings.Contains(log.String(), `"n":1`) {
		t.Error(log.String())
	}
}

// lines returns what was logged, without what changes from run to run.
func lines(t *testing.T, log *bytes.Buffer) []string {
	t.Helper()
	var all []string
	for line := range bytes.Lines(log.Bytes()) {
		var fields struct {
			Msg, Component, Error string
			Repeated              int
		}
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %d", fields.Component, fields.Msg, fields.Error, fields.Repeated)))
	}
	log.Reset()
	return all
}

func TestAWarningIsWrittenOnceForEachReasonAndAgainAtGrowingIntervals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		base := slog.New(telemetry.NewLogHandler(&log, slog.LevelInfo))
		user, video := base.With("component", "user"), base.With("component", "video")
		for i := range 1000 {
			user.Warn("call not possible now", "error", fmt.Errorf("read tcp 127.0.0.1:%d: refused", 40000+i), "attempt", i)
			video.Warn("call not possible now", "error", errors.New("refused"))
			user.Info("not a warning")
		}
		got := lines(t, &log)
		infos := len(got)
		got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "user not a warning") })
		if infos-len(got) != 1000 {
			t.Errorf("%d of 1000 other lines", infos-len(got))
		}
		want := []string{"user call not possible now read tcp 127.0.0.1:40000: refused 0", "video call not possible now refused 0"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at once (-want +got):\n%s", diff)
		}
		for range 24 * 60 * 6 { // a day
			time.Sleep(10 * time.Second)
			video.Warn("call not possible now", "error", errors.New("refused"))
		}
		got = lines(t, &log)
		if len(got) < 24 || len(got) > 30 || got[0] != "video call not possible now refused 1004" {
			t.Errorf("%d lines in a day, want one each hour and a few at first: %q", len(got), got)
		}
		time.Sleep(2 * time.Minute)
		video.Warn("call not possible now", "error", errors.New("refused"))
		if got = lines(t, &log); len(got) != 1 {
			t.Errorf("after a quiet time: %q", got)
		}
	})
}

// A store that is away gives each caller another reason.
func TestAWarningHasFewReasonsAndAnErrorMany(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(telemetry.NewLogHandler(&log, slog.LevelInfo))
	for c := 'a'; c <= 'z'; c++ {
		logger.Warn("call not possible now", "procedure", string(c))
		logger.Error("message became a dead letter", "offset", int(c))
	}
	got := lines(t, &log)
	letters := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.Contains(s, "dead letter") })
	if len(letters) != 26 || len(got)-len(letters) != 3 {
		t.Errorf("%d errors, want 26, and %d warnings, want 3", len(letters), len(got)-len(letters))
	}
}

// The memory of the handler is bounded whatever is logged.
func TestOldWarningsAreForgotten(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(telemetry.NewLogHandler(&log, slog.LevelInfo))
	for i := range 2000 {
		logger.Warn(fmt.Sprint("warning ", i))
	}
	logger.Warn("warning 1999") // still known
	logger.Warn("warning 0")    // forgotten
	if got := lines(t, &log); len(got) != 2001 {
		t.Errorf("%d lines, want 2001", len(got))
	}
}
