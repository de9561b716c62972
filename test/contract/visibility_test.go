package contract_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"douyin.dev/test/harness"
)

// audience is everybody who may or may not see a video of the author: what their
// names say, and all of them like and have commented on it while it was public.
type audience struct {
	author, friend, follower, stranger, guest *person

	video harness.Video
	// links are the URLs of its file that viewers have got so far.
	links map[*person]string
}

// sees says who may see a video besides its author.
func (a *audience) sees(p *person, visibility string) bool {
	switch visibility {
	case "public", "unlisted":
		return true
	case "followers":
		return p == a.author || p == a.friend || p == a.follower
	case "friends":
		return p == a.author || p == a.friend
	default:
		return p == a.author
	}
}

func newAudience(t *testing.T) *audience {
	t.Helper()
	all := people(t, 4)
	a := &audience{author: all[0], friend: all[1], follower: all[2], stranger: all[3], guest: anonymous(), links: map[*person]string{}}
	a.friend.follow(t, a.author.id, "1")
	a.author.follow(t, a.friend.id, "1")
	a.follower.follow(t, a.author.id, "1")
	a.video = a.author.publish(t)
	for _, p := range []*person{a.friend, a.follower, a.stranger} {
		p.like(t, a.video.ID, "1")
		p.comment(t, a.video.ID, "seen")
	}
	return a
}

// A video's title and who may see it can be changed, and every surface follows:
// what one of them shows to a viewer, all of them show.
func TestEverySurfaceShowsAVideoToThoseWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	a := newAudience(t)
	words := []string{"public", "followers", "friends", "unlisted", "private"}
	order := append(slices.Clone(words), words...)
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	t.Logf("in this order: %v", order)
	for _, visibility := range order {
		title := harness.Name("title")
		var answer struct{ Video harness.Video }
		decode(t, a.author.mustPost(t, "/douyin/publish/edit/", "video_id", text(a.video.ID), "title", title, "visibility", visibility), &answer)
		if answer.Video.Title != title || answer.Video.Visibility != visibility || answer.Video.ID != a.video.ID {
			t.Fatalf("edited to %q and %s: %+v", title, visibility, answer.Video)
		}
		a.video.Title = title
		harness.Eventually(t, harness.CatchUp, func() error {
			for _, p := range []*person{a.author, a.friend, a.follower, a.stranger, a.guest} {
				if err := a.check(t, p, visibility); err != nil {
					return fmt.Errorf("%s, to %s: %w", visibility, a.nameOf(p), err)
				}
			}
			return a.checkLinks(t, visibility)
		})
	}
}

func (a *audience) nameOf(p *person) string {
	return map[*person]string{a.author: "the author", a.friend: "a friend", a.follower: "a follower", a.stranger: "a stranger", a.guest: "a guest"}[p]
}

// check compares what the surfaces of the API show to a viewer.
func (a *audience) check(t *testing.T, p *person, visibility string) error {
	t.Helper()
	sees := a.sees(p, visibility)
	id := text(a.video.ID)
	want := map[bool]int64{true: 0, false: 10016}[sees]
	for path, params := range map[string][]string{
		"/douyin/video/": {}, "/douyin/comment/list/": {}, "/douyin/comment/count/": {},
	} {
		if answer := p.get(t, path, append(params, "video_id", id)...); answer.Code() != want {
			return fmt.Errorf("want %d: %s", want, answer)
		}
	}
	lists := map[string]bool{ // whether they show it
		"/douyin/publish/list/?user_id=" + text(a.author.id):      sees && (visibility != "unlisted" || p == a.author),
		"/douyin/favorite/list/?user_id=" + text(a.stranger.id):   sees && (visibility != "unlisted" || p == a.author || p == a.stranger),
		"/douyin/feed/?latest_time=" + text(a.video.CreateTime+1): visibility == "public",
		"/douyin/search/?keyword=" + a.video.Title:                visibility == "public",
		"/douyin/feed/following/?page_size=50":                    sees && visibility != "unlisted" && (p == a.friend || p == a.follower),
	}
	for path, shown := range lists {
		if p.id == 0 && strings.Contains(path, "following") {
			continue
		}
		path, query, _ := strings.Cut(path, "?")
		params, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		list := videos(t, accepted(t, p.do(t, harness.Call{Path: path, Query: params})))
		i := slices.IndexFunc(list, func(v harness.Video) bool { return v.ID == a.video.ID })
		if (i >= 0) != shown {
			return fmt.Errorf("%s shows it: %v, want %v", path, i >= 0, shown)
		}
		if i >= 0 && list[i].Visibility != visibility {
			return fmt.Errorf("%s says that it is %s", path, list[i].Visibility)
		}
		if i >= 0 && (path == "/douyin/publish/list/" || path == "/douyin/feed/") {
			a.links[p] = list[i].PlayURL
			for _, address := range []string{list[i].PlayURL, list[i].CoverURL} {
				if status := fetch(t, get, address, nil).HTTP; status != http.StatusOK {
					return fmt.Errorf("%s: HTTP %d", address, status)
				}
			}
		}
	}
	if p.id == 0 {
		return nil
	}
	for path, params := range map[string][]string{
		"/douyin/favorite/action/": {"action_type", "1"}, "/douyin/comment/action/": {"action_type", "1", "comment_text", "x"},
	} {
		if answer := p.post(t, path, append(params, "video_id", id)...); answer.Code() != want {
			return fmt.Errorf("want %d: %s", want, answer)
		}
	}
	works := map[bool]int64{true: 1, false: 0}[visibility == "public"]
	if got := p.user(t, a.author.id).WorkCount; got != works {
		return fmt.Errorf("work_count is %d, want %d", got, works)
	}
	if p != a.author {
		hidden := map[bool][]int64{true: {10016}, false: {10005}}[visibility != "public" && visibility != "unlisted"]
		if answer := p.post(t, "/douyin/publish/delete/", "video_id", id); !slices.Contains(hidden, answer.Code()) {
			return fmt.Errorf("want %v: %s", hidden, answer)
		}
		if answer := p.post(t, "/douyin/publish/edit/", "video_id", id, "visibility", "public"); answer.Code() != 10016 {
			return fmt.Errorf("want 10016: %s", answer)
		}
	}
	return nil
}

// checkLinks compares what the addresses outside of the API show.
func (a *audience) checkLinks(t *testing.T, visibility string) error {
	t.Helper()
	want := http.StatusNotFound
	if a.sees(a.guest, visibility) {
		want = http.StatusOK
	}
	id := text(a.video.ID)
	page := platform.URL() + "/v/" + id
	for _, address := range []string{
		page, platform.URL() + "/embed/" + id, platform.URL() + "/oembed?url=" + url.QueryEscape(page),
		a.video.PlayURL, a.video.CoverURL, // as they were when it was public
	} {
		answer := fetch(t, get, address, http.Header{"Accept": {"text/html"}})
		if answer.HTTP != want {
			return fmt.Errorf("%s: HTTP %d, want %d", address, answer.HTTP, want)
		}
		if noindex := strings.Contains(string(answer.Body), `content="noindex"`); address == page && want == http.StatusOK && noindex != (visibility == "unlisted") {
			return fmt.Errorf("%s: noindex is %v", address, noindex)
		}
	}
	for p, address := range a.links {
		want := http.StatusNotFound
		if a.sees(p, visibility) && (strings.Contains(address, "/media/as/") || a.sees(a.guest, visibility)) {
			want = http.StatusOK
		}
		if answer := fetch(t, get, address, nil); answer.HTTP != want {
			return fmt.Errorf("the link of %s: HTTP %d, want %d", a.nameOf(p), answer.HTTP, want)
		}
	}
	return nil
}

func TestVideoIsPublishedForTheAuthorAlone(t *testing.T) {
	t.Parallel()
	author := newPerson(t)
	upload := func(visibility string) *harness.Answer {
		return author.do(t, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
			{Name: "data", FileName: "video.mp4", ContentType: "video/mp4", Content: drawn(t)},
			{Name: "title", Content: []byte("mine")}, {Name: "visibility", Content: []byte(visibility)}, // behind the file
		}})
	}
	refused(t, upload("everybody"), 40002)
	accepted(t, upload("private"))
	mine := author.published(t)
	if len(mine) != 1 || mine[0].Visibility != "private" {
		t.Fatalf("published: %+v", mine)
	}
	loads(t, mine[0])
	if answer := anonymous().get(t, "/douyin/video/", "video_id", text(mine[0].ID)); answer.Code() != 10016 {
		t.Errorf("to a guest: %s", answer)
	}
	if page := author.feed(t, text(mine[0].CreateTime+1)); slices.Contains(videoIDs(page.VideoList), mine[0].ID) {
		t.Error("in the public feed")
	}
	refused(t, author.post(t, "/douyin/publish/edit/", "video_id", text(mine[0].ID), "visibility", "PUBLIC"), 40002)
	refused(t, author.post(t, "/douyin/publish/edit/", "video_id", text(mine[0].ID), "title", strings.Repeat("x", 101)), 40002)
}
