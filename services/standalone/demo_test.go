package standalone_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/standalone"
	"douyin.dev/services/standalone/demo"
)

// loseFirst is a network that loses the first answer of each path.
type loseFirst struct {
	mu   sync.Mutex
	lost map[string]bool
}

func (l *loseFirst) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || l.lost[req.URL.Path] {
		return res, err
	}
	l.lost[req.URL.Path] = true
	_, _ = io.Copy(io.Discard, res.Body) // the call was answered
	_ = res.Body.Close()
	return nil, errors.New("the connection was reset")
}

// Neither an answer that is lost nor a second run adds anything.
func TestTheDemoVideosAreThereOnce(t *testing.T) {
	t.Parallel()
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	base := start(t, key, func(c *standalone.Component) app.Component {
		c.Seed, c.Video.WorkDir, c.Transcode.FFmpeg = false, t.TempDir(), "none"
		return c
	})
	var mu sync.Mutex
	published := 0
	count := func(string, ...any) { mu.Lock(); defer mu.Unlock(); published++ }
	lossy := &loseFirst{lost: map[string]bool{}}
	if err := demo.Seed(t.Context(), &http.Client{Transport: lossy}, base, count); err != nil {
		t.Fatal(err)
	}
	if len(lossy.lost) != 2 {
		t.Errorf("answers of %v were lost, want one of Register and one of PublishVideo", lossy.lost)
	}
	first := published
	if err := demo.Seed(t.Context(), http.DefaultClient, base, count); err != nil {
		t.Fatal(err)
	}
	if first == 0 || published != first {
		t.Errorf("%d videos published, then %d more", first, published-first)
	}
	titles, authors := demoFeed(t, base)
	if len(titles) != first || len(authors) != first {
		t.Errorf("%d videos were published; the feed has %d titles of %d authors", first, len(titles), len(authors))
	}
}

func demoFeed(t *testing.T, base string) (titles, authors map[string]int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/douyin/feed/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var feed struct {
		VideoList []struct {
			Title  string
			Author struct{ ID json.Number }
		} `json:"video_list"`
	}
	if err := json.NewDecoder(res.Body).Decode(&feed); err != nil {
		t.Fatal(err)
	}
	titles, authors = map[string]int{}, map[string]int{}
	for _, v := range feed.VideoList {
		titles[v.Title]++
		authors[v.Author.ID.String()]++
	}
	for what, n := range titles {
		if n > 1 {
			t.Errorf("%q is there %d times", what, n)
		}
	}
	return titles, authors
}
