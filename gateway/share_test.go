package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"douyin.dev/gateway/rest"
	userv1 "douyin.dev/gen/douyin/user/v1"
)

// tokenUsers has a session for each token that is a user's id.
type tokenUsers struct{ *still }

func (tokenUsers) VerifySession(_ context.Context, req *userv1.VerifySessionRequest) (*userv1.VerifySessionResponse, error) {
	id, err := strconv.ParseInt(req.GetToken(), 10, 64)
	return &userv1.VerifySessionResponse{UserId: id, SessionId: "s", ViewerToken: "v", ViewerTokenExpiresAtMs: 1 << 50}, err
}

// sharingFace is the REST face of a gateway whose viewer n likes video n and
// follows user 100+n.
func sharingFace(t *testing.T) http.Handler {
	t.Helper()
	s := newStill()
	for i, v := range s.videos.GetVideos() {
		v.Id = int64(i) + 1
		s.page.Entries[i].VideoId = v.GetId()
	}
	deps := stillGateway().Deps
	deps.User, deps.Video, deps.Feed, deps.Interaction, deps.Relation = tokenUsers{s}, s, s, liking{}, following{}
	g := New(deps)
	h, err := g.restHandler(rest.Signals{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func askFeed(h http.Handler, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/douyin/feed/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Viewers and others share one answer, and everybody sees their own marks only.
func TestReadersOfOneAnswerSeeTheirOwnMarks(t *testing.T) {
	t.Parallel()
	h := sharingFace(t)
	var all sync.WaitGroup
	for viewer := range int64(8) {
		for range 4 {
			all.Go(func() {
				for range 20 {
					var header []string
					if viewer > 0 { // the others are nobody
						header = []string{"Authorization", "Bearer " + strconv.FormatInt(viewer, 10)}
					}
					checkMarks(t, viewer, askFeed(h, header...))
				}
			})
		}
	}
	all.Wait()
}

func checkMarks(t *testing.T, viewer int64, w *httptest.ResponseRecorder) {
	t.Helper()
	var page struct {
		Code   int `json:"status_code"`
		Videos []struct {
			ID     int64 `json:"id"`
			Likes  bool  `json:"is_favorite"`
			Author struct {
				ID      int64 `json:"id"`
				Follows bool  `json:"is_follow"`
			} `json:"author"`
		} `json:"video_list"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Code != 0 || len(page.Videos) != benchVideos {
		t.Errorf("viewer %d: %v, %.200s", viewer, err, w.Body)
		return
	}
	if w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("viewer %d: headers %v", viewer, w.Header())
	}
	for _, v := range page.Videos {
		if v.Likes != (v.ID == viewer) || v.Author.Follows != (viewer > 0 && v.Author.ID == 100+viewer) {
			t.Errorf("viewer %d: video %d likes %v, author %d follows %v", viewer, v.ID, v.Likes, v.Author.ID, v.Author.Follows)
		}
	}
}

func TestASharedAnswerIsPackedForThoseWhoAsk(t *testing.T) {
	t.Parallel()
	h := sharingFace(t)
	plain := askFeed(h)
	packed := askFeed(h, "Accept-Encoding", "br, gzip")
	for name, w := range map[string]*httptest.ResponseRecorder{
		"not asked": plain, "refused": askFeed(h, "Accept-Encoding", "gzip;q=0, br"),
	} {
		if w.Header().Get("Content-Encoding") != "" || !strings.Contains(strings.Join(w.Header()["Vary"], ","), "Accept-Encoding") {
			t.Errorf("%s: headers %v", name, w.Header())
		}
	}
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("Content-Length") != strconv.Itoa(packed.Body.Len()) ||
		!strings.Contains(strings.Join(packed.Header()["Vary"], ","), "Accept-Encoding") {
		t.Errorf("headers %v", packed.Header())
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(plain.Body.Bytes(), got) {
		t.Errorf("%v, %d bytes, want %d", err, len(got), plain.Body.Len())
	}
	viewer := askFeed(h, "Accept-Encoding", "gzip", "Authorization", "Bearer 3")
	if viewer.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("headers %v", viewer.Header())
	}
}
