package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"douyin.dev/gateway/numjson"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
)

// TestMarkedBytesAreTheMarkedMessage marks written pages, whatever clients wrote
// into their titles and names, and writes marked messages.
func TestMarkedBytesAreTheMarkedMessage(t *testing.T) {
	t.Parallel()
	encoder, err := numjson.Compile(renamedKeys(), (&apiv1.GetFeedResponse{}).ProtoReflect().Descriptor())
	if err != nil {
		t.Fatal(err)
	}
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		`"is_follow":false`, `"is_favorite":false`, `\"is_follow\":false`, `\\"is_favorite":false`, `x"is_f`, `","is_favorite":false,"x":"`,
	}))
	rapid.Check(t, func(t *rapid.T) {
		feed := &apiv1.GetFeedResponse{NextTime: 7}
		for i := range rapid.Int64Range(0, 5).Draw(t, "videos") {
			author := &apiv1.User{Id: rapid.Int64Range(101, 103).Draw(t, "author"), Name: text.Draw(t, "name"), Signature: text.Draw(t, "signature")}
			feed.VideoList = append(feed.VideoList, &apiv1.Video{Id: i + 1, Author: author, Title: text.Draw(t, "title"), PlayUrl: text.Draw(t, "url")})
		}
		body, err := encoder.Marshal(successHead, feed)
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(body)
		liked := rapid.SliceOf(rapid.Int64Range(1, 6)).Draw(t, "liked")
		followed := rapid.SliceOf(rapid.Int64Range(101, 104)).Draw(t, "followed")

		page, err := newWrittenPage(body, feed.GetVideoList())
		if err != nil {
			t.Fatal(err)
		}
		got := page.marked(nil, liked, followed)
		if !bytes.Equal(before, body) {
			t.Error("the shared page was changed")
		}
		marked := proto.CloneOf(feed)
		for _, v := range marked.GetVideoList() {
			v.IsFavorite, v.Author.IsFollow = slices.Contains(liked, v.GetId()), slices.Contains(followed, v.GetAuthor().GetId())
		}
		want, err := encoder.Marshal(successHead, marked)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("(-message +bytes)\n%s", diff)
		}
	})
}

func TestAPageThatIsNotItsVideosIsNotMarked(t *testing.T) {
	t.Parallel()
	const author = `"author":{"is_follow":false}`
	video := &apiv1.Video{Author: &apiv1.User{}}
	for name, body := range map[string]string{
		"no marks":    `{"video_list":[{}]}`,
		"no author":   `{"video_list":[{"author":null,"is_favorite":false}]}`,
		"other order": `{"video_list":[{"is_favorite":false,` + author + `}]}`,
		"one more":    `{"video_list":[{` + author + `,"is_favorite":false},{` + author + `,"is_favorite":false}]}`,
		"marked":      `{"video_list":[{` + author + `,"is_favorite":true}]}`,
	} {
		if _, err := newWrittenPage([]byte(body), []*apiv1.Video{video}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

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
	h, err := g.rest(nil, Signals{})
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
	if w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Header().Get("Content-Type") != jsonType || w.Header().Get("Cache-Control") != "no-store" {
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
