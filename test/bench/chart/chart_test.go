package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/test/bench/chart"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func stacks() []chart.Stack {
	return []chart.Stack{
		{Frames: []string{"net/http.(*conn).serve", "douyin.dev/gateway.(*Gateway).GetFeed", "github.com/jackc/pgx/v5.(*Conn).Query"}, Seconds: 3},
		{Frames: []string{"net/http.(*conn).serve", "douyin.dev/gateway.(*Gateway).GetFeed"}, Seconds: 1},
		{Frames: []string{"runtime.mcall", "runtime.schedule"}, Seconds: 1},
		{Frames: []string{"runtime.mcall", "runtime.rare"}, Seconds: 0.001},
	}
}

func TestPicturesAreGolden(t *testing.T) {
	t.Parallel()
	for name, draw := range map[string]func(io.Writer) error{
		"bars.svg": func(out io.Writer) error {
			return chart.Bars(out, "Ratios & targets", "%.2f", []chart.Bar{{"feed", 0.8, 0.75}, {"user", 0.2, 0.3}, {"login", 0.1, 0}})
		},
		"lines.svg": func(out io.Writer) error {
			return chart.Lines(out, "Growth", 1.3, []chart.Line{
				{"feed", []chart.Point{{1000, 1}, {100000, 1.05}, {1000000, 1.1}}}, {"user", []chart.Point{{1000, 1}, {1000000, 1.4}}},
			})
		},
		"flame.svg": func(out io.Writer) error { return chart.Flame(out, "feed", stacks()) },
		"top.txt":   func(out io.Writer) error { return chart.Top(out, "feed", stacks(), 3) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := draw(&got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("rewrite with -update:\n%s", diff)
			}
			if strings.HasSuffix(name, ".svg") {
				wellFormed(t, got.Bytes())
			}
		})
	}
}

func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingIsDrawnOfNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := errors.Join(chart.Bars(&out, "b", "%f", nil), chart.Lines(&out, "l", 0, nil), chart.Flame(&out, "f", nil), chart.Top(&out, "t", nil, 5)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
		t.Error(out.String())
	}
}

func TestSharesGoToTheInnermostKind(t *testing.T) {
	t.Parallel()
	got := chart.Shares([]chart.Stack{
		{Frames: []string{"net/http.(*conn).serve", "douyin.dev/gateway.f", "github.com/jackc/pgx/v5.Query", "syscall.Write"}, Seconds: 5},
		{Frames: []string{"net/http.(*conn).serve", "douyin.dev/gateway/rest/numjson.Append", "runtime.growslice", "runtime.memmove"}, Seconds: 3},
		{Frames: []string{"net/http.(*conn).serve"}, Seconds: 1},
		{Frames: []string{"main.main"}, Seconds: 1},
	})
	want := []chart.Share{{"Postgres client", 0.5}, {"allocation", 0.3}, {"HTTP", 0.1}, {"other", 0.1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
