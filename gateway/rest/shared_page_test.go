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
	encoder, err := numjson.Compile(encoding(), (&apiv1.GetFeedResponse{}).ProtoReflect().Descriptor())
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
		answer := &sharedAnswer{message: feed}
		body, err := answer.marshal(encoder)
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(body)
		liked := rapid.SliceOf(rapid.Int64Range(1, 6)).Draw(t, "liked")
		followed := rapid.SliceOf(rapid.Int64Range(101, 104)).Draw(t, "followed")

		page := newSharedPage(body, answer.fields)
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

// A viewer's fields are asked for by these ids, each author's once.
func TestASharedPageNamesItsVideosAndAuthors(t *testing.T) {
	t.Parallel()
	encoder, err := numjson.Compile(encoding(), (&apiv1.GetFeedResponse{}).ProtoReflect().Descriptor())
	if err != nil {
		t.Fatal(err)
	}
	answer := &sharedAnswer{message: &apiv1.GetFeedResponse{VideoList: []*apiv1.Video{
		{Id: 3, Author: &apiv1.User{Id: 101}}, {Id: 2, Author: &apiv1.User{Id: 102}}, {Id: 1, Author: &apiv1.User{Id: 101}},
	}}}
	body, err := answer.marshal(encoder)
	if err != nil {
		t.Fatal(err)
	}
	page := newSharedPage(body, answer.fields)
	if diff := cmp.Diff([][]int64{{3, 2, 1}, {101, 102}}, [][]int64{page.videos, page.authors}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, f := range page.fields {
		if !bytes.HasPrefix(body[f.at:], []byte(unset)) {
			t.Errorf("field %+v stands before %.20q", f, body[f.at:])
		}
	}
}
