package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// broken answers as the platform does, but for one thing. That the walk succeeds
// on the platform itself is seen by make chart-test and helm test.
type broken struct {
	what  string
	mu    sync.Mutex
	title string
	liked bool
}

func (b *broken) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answer := map[string]any{"status_code": 0}
	switch r.URL.Path {
	case "/douyin/user/register/":
		answer["user_id"], answer["token"] = 7, "token"
		if b.what == "register" {
			answer["status_code"] = 50002
		}
	case "/douyin/publish/action/":
		b.title = r.FormValue("title")
	case "/douyin/favorite/action/":
		b.liked = true
	case "/douyin/publish/status/":
		state := map[bool]string{true: "queued", false: "ready"}[b.what == "video ready"]
		answer["status"] = map[string]any{"state": state, "message": ""}
	case "/media/video":
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, strings.Repeat("x", map[bool]int{true: 10, false: 1024}[b.what == "play"]))
		return
	case "/douyin/feed/":
		video := map[string]any{"id": 9, "title": b.title, "play_url": "http://elsewhere/media/video", "is_favorite": b.liked, "favorite_count": 0}
		if b.liked && b.what != "count of likes" {
			video["favorite_count"] = 1
		}
		if b.title != "" && b.what != "video in the feed" {
			answer["video_list"] = []any{video}
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func TestWalkSaysWhatDoesNotWork(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"register", "video in the feed", "play", "video ready", "count of likes"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&broken{what: what})
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err := walk(ctx, server.URL, io.Discard)
			if err == nil || !strings.HasPrefix(err.Error(), what+":") {
				t.Errorf("got %v, want an error about %q", err, what)
			}
		})
	}
}

func TestWalkEndsWellWhenAllWorks(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&broken{})
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out strings.Builder
	if err := walk(ctx, server.URL, &out); err != nil {
		t.Error(err)
	}
	for _, step := range []string{"register", "publish", "play", "like", "video ready", "count of likes"} {
		if !strings.Contains(out.String(), "\n"+step) {
			t.Errorf("no line for %q in\n%s", step, &out)
		}
	}
}
