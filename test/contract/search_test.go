package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/test/harness"
)

const (
	searchPath, suggestPath, tagPath = "/douyin/search/", "/douyin/search/suggest/", "/douyin/tag/videos/"
	// foundWithin is how soon a video must be found; the suite's own load may delay it.
	foundWithin = harness.CatchUp
)

// publishTitled publishes a video with a title.
func (p *person) publishTitled(t *testing.T, title string) harness.Video {
	t.Helper()
	accepted(t, p.uploadAlone(t, drawn(t), title))
	list := p.published(t)
	i := slices.IndexFunc(list, func(v harness.Video) bool { return v.Title == title })
	if i < 0 {
		t.Fatalf("%q is not in publish/list right after it was published", title)
	}
	return list[i]
}

// eventuallyFinds waits until a search answers exactly these videos.
func (p *person) eventuallyFinds(t *testing.T, path string, want []int64, pairs ...string) {
	t.Helper()
	began := time.Now()
	harness.Eventually(t, foundWithin, func() error {
		if got := ids(t, accepted(t, p.get(t, path, pairs...)), "video_list"); !slices.Equal(got, want) {
			return fmt.Errorf("%s %v answers %v, want %v", path, pairs, got, want)
		}
		return nil
	})
	t.Logf("%v after %v", pairs, time.Since(began).Round(time.Millisecond))
}

func TestAPublishedVideoIsFoundAndADeletedOneIsNot(t *testing.T) {
	t.Parallel()
	author := people(t, 1)[0]
	word := strings.ReplaceAll(harness.Name("w"), "_", "")
	first := author.publishTitled(t, word+" 湖邊的北極光 #"+word)
	second := author.publishTitled(t, "again #"+strings.ToUpper(word))
	guest := anonymous()
	guest.eventuallyFinds(t, searchPath, []int64{second.ID, first.ID}, "keyword", word)
	guest.eventuallyFinds(t, searchPath, []int64{first.ID}, "keyword", word+" 北极光")
	guest.eventuallyFinds(t, tagPath, []int64{second.ID, first.ID}, "tag", "#"+word)
	guest.eventuallyFinds(t, tagPath, []int64{second.ID, first.ID}, "tag", word, "order", "top")
	var suggested struct {
		List []struct{ Text, Type string } `json:"suggestion_list"`
	}
	decode(t, guest.mustGet(t, suggestPath, "keyword", "#"+word[:8]), &suggested)
	if want := []struct{ Text, Type string }{{word, "tag"}}; !cmp.Equal(suggested.List, want) {
		t.Errorf("suggested %v, want %v", suggested.List, want)
	}
	var tags struct {
		List []struct {
			Name  string
			Count int64 `json:"video_count"`
		} `json:"tag_list"`
	}
	decode(t, guest.mustGet(t, searchPath, "keyword", word, "type", "tag"), &tags)
	if len(tags.List) != 1 || tags.List[0].Name != word || tags.List[0].Count != 2 {
		t.Errorf("tags are %+v", tags.List)
	}
	author.mustPost(t, "/douyin/publish/delete/", "video_id", text(second.ID))
	guest.eventuallyFinds(t, searchPath, []int64{first.ID}, "keyword", word)
	author.mustPost(t, "/douyin/publish/edit/", "video_id", text(first.ID), "visibility", "private")
	guest.eventuallyFinds(t, searchPath, []int64{}, "keyword", word)
	author.eventuallyFinds(t, tagPath, []int64{}, "tag", word)
}

func TestPeopleAreFoundAsSoonAsTheyAreThere(t *testing.T) {
	t.Parallel()
	p := people(t, 1)[0]
	harness.Eventually(t, foundWithin, func() error {
		list := users(t, anonymous().mustGet(t, searchPath, "keyword", "@"+p.name, "type", "user"))
		if len(list) != 1 || list[0].ID != p.id || list[0].Name != p.name {
			return fmt.Errorf("%s finds %+v", p.name, list)
		}
		return nil
	})
	answer := anonymous().mustGet(t, suggestPath, "keyword", p.name)
	if !strings.Contains(string(answer.Body), p.name) {
		t.Errorf("%s is not suggested: %s", p.name, answer)
	}
}

func TestSearchPagesRepeatNothing(t *testing.T) {
	t.Parallel()
	author := people(t, 1)[0]
	word := strings.ReplaceAll(harness.Name("w"), "_", "")
	var want []int64
	for range 5 {
		want = append(want, author.publishTitled(t, word+" "+harness.Name("t")).ID)
	}
	slices.Reverse(want)
	anonymous().eventuallyFinds(t, searchPath, want, "keyword", word)
	var got []int64
	for token := ""; ; {
		var page struct {
			Next string `json:"next_page_token"`
		}
		answer := anonymous().mustGet(t, searchPath, "keyword", word, "page_size", "2", "page_token", token)
		decode(t, answer, &page)
		got = append(got, ids(t, answer, "video_list")...)
		if token = page.Next; token == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestATitleSaysWhereItsTagsAre(t *testing.T) {
	t.Parallel()
	author := people(t, 1)[0]
	title := "😀 #Cats " + harness.Name("t") + " @somebody"
	v := author.publishTitled(t, title)
	var answer struct {
		Video struct {
			Spans []struct {
				Type, Value   string
				Start, Length int
			} `json:"title_spans"`
		}
	}
	decode(t, anonymous().mustGet(t, "/douyin/video/", "video_id", text(v.ID)), &answer)
	if s := answer.Video.Spans; len(s) != 2 || s[0].Type != "tag" || s[0].Value != "cats" || s[0].Start != 3 || s[0].Length != 5 ||
		s[1].Type != "mention" || s[1].Value != "somebody" {
		t.Errorf("spans of %q: %+v", title, s)
	}
}

func TestABadSearchNamesItsParameter(t *testing.T) {
	t.Parallel()
	for _, at := range []struct {
		path, field string
		pairs       []string
	}{
		{searchPath, "keyword", nil},
		{searchPath, "keyword", []string{"keyword", " "}},
		{searchPath, "keyword", []string{"keyword", strings.Repeat("猫", 101)}},
		{searchPath, "type", []string{"keyword", "a", "type", "thing"}},
		{searchPath, "page_size", []string{"keyword", "a", "page_size", "51"}},
		{searchPath, "page_token", []string{"keyword", "a", "page_token", "x"}},
		{searchPath, "page_token", []string{"keyword", "a", "type", "tag", "page_token", "x"}},
		{suggestPath, "keyword", nil},
		{tagPath, "tag", nil},
		{tagPath, "tag", []string{"tag", "two words"}},
		{tagPath, "order", []string{"tag", "a", "order", "oldest"}},
	} {
		answer := anonymous().get(t, at.path, at.pairs...)
		message, _ := answer.Fields["status_msg"].(string)
		if answer.Code() != 40002 || !strings.Contains(message, at.field) {
			t.Errorf("%s %v: %s", at.path, at.pairs, answer)
		}
	}
}

func TestSearchIsTheSameOverEveryProtocol(t *testing.T) {
	t.Parallel()
	author := people(t, 1)[0]
	word := strings.ReplaceAll(harness.Name("w"), "_", "")
	id := author.publishTitled(t, word).ID
	anonymous().eventuallyFinds(t, searchPath, []int64{id}, "keyword", word)
	for _, p := range protocols() {
		res, err := p.as("").search.Search(t.Context(), &apiv1.SearchRequest{Keyword: word})
		if err != nil || len(res.GetVideoList()) != 1 || res.GetVideoList()[0].GetId() != id {
			t.Errorf("%s: %v, %v", p.name, res, err)
		}
	}
}
