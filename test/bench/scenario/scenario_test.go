package scenario_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/scenario"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

// world has as many users and videos as a real one, that exist nowhere.
func world() *stage.World {
	w := &stage.World{Users: make([]stage.User, stage.Users), Videos: make([]stage.Video, stage.Videos)}
	for i := range w.Users {
		w.Users[i] = stage.User{ID: int64(1000 + i), Name: "name", Token: "token", Query: "token=token"}
		w.Liked = append(w.Liked, make([]bool, stage.Videos))
		w.Followed = append(w.Followed, make([]bool, stage.Users))
	}
	for i := range w.Videos {
		w.Videos[i] = stage.Video{ID: int64(5000 + i), PlayPath: "/media/x", File: make([]byte, 40_000)}
	}
	return w
}

func run(t *testing.T, s scenario.Scenario, w *stage.World, answer http.HandlerFunc) *load.Result {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for { // on a busy machine nothing may be answered within the first times
		r, err := load.Run(t.Context(), load.Options{
			Dial: load.DialTCP(host), Connections: 4, Duration: 50 * time.Millisecond, Sample: 1, Client: s.Open(w, host, 4),
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Requests+r.Errors > 0 {
			return r
		}
	}
}

func TestEmptyObjectIsAnErrorInEveryScenario(t *testing.T) {
	t.Parallel()
	for _, s := range scenario.All() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := run(t, s, world(), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) })
			if !r.Failed() || r.Errors == 0 || r.Requests != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestEmptySuccessIsFoundByTheSample(t *testing.T) {
	t.Parallel()
	// Where the answer is only an envelope, the check is Verify.
	onlyEnvelope := map[string]bool{"favorite": true, "relation": true, "message": true, "publish": true}
	for _, s := range scenario.All() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := run(t, s, world(), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"status_code":0,"status_msg":""}`))
			})
			if r.Failed() == onlyEnvelope[s.Name] {
				t.Errorf("%+v", r)
			}
			if onlyEnvelope[s.Name] && s.Verify == nil && s.Name != "message" {
				t.Error("nothing verifies the effects")
			}
		})
	}
}

func TestEffectsThatAreNotThereAreFound(t *testing.T) {
	t.Parallel()
	for _, s := range scenario.All() {
		if s.Verify == nil {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			w := world()
			forgets := func(out http.ResponseWriter, _ *http.Request) {
				out.Header().Set("Content-Type", "application/json")
				_, _ = out.Write([]byte(`{"status_code":0,"status_msg":"","video_list":[],"user_list":[]}`))
			}
			if r := run(t, s, w, forgets); r.Requests == 0 {
				t.Fatalf("%+v", r)
			}
			server := httptest.NewServer(http.HandlerFunc(forgets))
			t.Cleanup(server.Close)
			for i := range w.Liked { // so that the twenty who are looked at have something to miss
				w.Liked[i][0], w.Followed[i][199] = true, true
			}
			if err := s.Verify(t.Context(), w, harness.NewClient(server.URL)); err == nil {
				t.Error("a server that forgets everything passes")
			}
		})
	}
}

func TestEveryToggleChangesItsPair(t *testing.T) {
	t.Parallel()
	some, err := scenario.Choose([]string{"favorite"})
	if err != nil {
		t.Fatal(err)
	}
	w := world()
	client := some[0].Open(w, "h", 3)(1)
	for range 500 {
		request := string(client.Next())
		before := count(w)
		if strings.Contains(request, "action_type=1") {
			before += 2
		}
		client.Done(nil)
		if after := count(w); after != before-1 {
			t.Fatalf("%d likes became %d by\n%s", before, after, request)
		}
	}
}

func count(w *stage.World) int {
	n := 0
	for _, row := range w.Liked {
		for _, set := range row {
			if set {
				n++
			}
		}
	}
	return n
}

func TestUnknownScenarioIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := scenario.Choose([]string{"feed", "fed"}); err == nil || !strings.Contains(err.Error(), `"fed"`) {
		t.Errorf("got %v", err)
	}
}
