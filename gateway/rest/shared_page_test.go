package rest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"douyin.dev/gateway/rest/numjson"
	apiv1 "douyin.dev/gen/douyin/api/v1"
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

		page, err := newSharedPage(body, feed.GetVideoList())
		if err != nil {
			t.Fatal(err)
		}
		got := page.appendFor(nil, liked, followed)
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
		if _, err := newSharedPage([]byte(body), []*apiv1.Video{video}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
