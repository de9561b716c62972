package gateway

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	searchv1 "douyin.dev/gen/douyin/search/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/hashtag"
)

const (
	// maxKeyword bounds what is searched for, in characters.
	maxKeyword = 100
	// suggestions are how many tags and how many names a text that is being typed may become.
	suggestions = 5
)

// Search answers a page of the videos, the users or the tags that match a keyword.
func (g *Gateway) Search(ctx context.Context, req *apiv1.SearchRequest) (*apiv1.SearchResponse, error) {
	if err := checkKeyword(req.GetKeyword()); err != nil {
		return nil, err
	}
	switch req.GetType() {
	case "", "video":
		videos, next, err := seenPage(req.GetPageToken(), func(token string) ([]*apiv1.Video, string, error) {
			found, err := g.Deps.Search.SearchVideos(ctx, &searchv1.SearchVideosRequest{Text: req.GetKeyword(), PageSize: req.GetPageSize(), PageToken: token})
			if err != nil {
				return nil, "", err
			}
			videos, err := g.videos(ctx, found.GetVideoIds())
			return videos, found.GetNextPageToken(), err
		})
		return &apiv1.SearchResponse{VideoList: videos, NextPageToken: next}, err
	case "user":
		found, err := g.Deps.Search.SearchUsers(ctx, &searchv1.SearchUsersRequest{
			Text: req.GetKeyword(), PageSize: req.GetPageSize(), PageToken: req.GetPageToken(),
		})
		if err != nil {
			return nil, err
		}
		users, err := g.users(ctx, found.GetUserIds())
		return &apiv1.SearchResponse{UserList: inOrder(found.GetUserIds(), users), NextPageToken: found.GetNextPageToken()}, err
	case "tag":
		if req.GetPageToken() != "" {
			return nil, fault.Invalid("page_token", "is not a page token of this list")
		}
		found, err := g.Deps.Search.SearchTags(ctx, &searchv1.SearchTagsRequest{Text: req.GetKeyword(), PageSize: req.GetPageSize()})
		return &apiv1.SearchResponse{TagList: publicTags(found.GetTags())}, err
	default:
		return nil, fault.Invalid("type", "must be video, user or tag")
	}
}

func checkKeyword(keyword string) error {
	if strings.TrimSpace(keyword) == "" {
		return fault.Invalid("keyword", "is required")
	}
	if utf8.RuneCountInString(keyword) > maxKeyword {
		return fault.Invalid("keyword", "is longer than 100 characters")
	}
	return nil
}

// SuggestSearches answers the tags and the names that begin with a keyword.
func (g *Gateway) SuggestSearches(ctx context.Context, req *apiv1.SuggestSearchesRequest) (*apiv1.SuggestSearchesResponse, error) {
	if err := checkKeyword(req.GetKeyword()); err != nil {
		return nil, err
	}
	var tags *searchv1.SearchTagsResponse
	var tagsErr error
	var calls sync.WaitGroup
	calls.Go(func() {
		tags, tagsErr = g.Deps.Search.SearchTags(ctx, &searchv1.SearchTagsRequest{Text: req.GetKeyword(), PageSize: suggestions})
	})
	names, err := g.namesOf(ctx, req.GetKeyword())
	calls.Wait()
	if err == nil {
		err = tagsErr
	}
	if err != nil {
		return nil, err
	}
	res := &apiv1.SuggestSearchesResponse{}
	for _, t := range tags.GetTags() {
		res.SuggestionList = append(res.SuggestionList, &apiv1.Suggestion{Text: t.GetName(), Type: "tag"})
	}
	for _, name := range names {
		res.SuggestionList = append(res.SuggestionList, &apiv1.Suggestion{Text: name, Type: "user"})
	}
	return res, nil
}

// namesOf answers a few names of users that match a keyword.
func (g *Gateway) namesOf(ctx context.Context, keyword string) ([]string, error) {
	found, err := g.Deps.Search.SearchUsers(ctx, &searchv1.SearchUsersRequest{Text: keyword, PageSize: suggestions})
	if err != nil {
		return nil, err
	}
	users, err := g.reads.users.Load(ctx, found.GetUserIds())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, id := range found.GetUserIds() {
		if u := users[id]; u != nil {
			names = append(names, u.GetName())
		}
	}
	return names, nil
}

// ListTagVideos answers a page of the videos whose title carries a tag.
func (g *Gateway) ListTagVideos(ctx context.Context, req *apiv1.ListTagVideosRequest) (*apiv1.ListTagVideosResponse, error) {
	order, ok := map[string]searchv1.TagOrder{
		"": searchv1.TagOrder_TAG_ORDER_UNSPECIFIED, "newest": searchv1.TagOrder_TAG_ORDER_UNSPECIFIED, "top": searchv1.TagOrder_TAG_ORDER_TOP,
	}[req.GetOrder()]
	if !ok {
		return nil, fault.Invalid("order", "must be newest or top")
	}
	var tag *searchv1.Tag
	videos, next, err := seenPage(req.GetPageToken(), func(token string) ([]*apiv1.Video, string, error) {
		found, err := g.Deps.Search.ListTagVideos(ctx, &searchv1.ListTagVideosRequest{
			Tag: req.GetTag(), Order: order, PageSize: req.GetPageSize(), PageToken: token,
		})
		if err != nil {
			return nil, "", err
		}
		tag = found.GetTag()
		videos, err := g.videos(ctx, found.GetVideoIds())
		return videos, found.GetNextPageToken(), err
	})
	if err != nil {
		return nil, err
	}
	return &apiv1.ListTagVideosResponse{VideoList: videos, NextPageToken: next, Tag: tag.GetName(), VideoCount: tag.GetVideoCount()}, nil
}

func publicTags(tags []*searchv1.Tag) []*apiv1.Tag {
	out := make([]*apiv1.Tag, len(tags))
	for i, t := range tags {
		out[i] = &apiv1.Tag{Name: t.GetName(), VideoCount: t.GetVideoCount()}
	}
	return out
}

// titleSpans are the tags and mentions of a title.
func titleSpans(title string) []*apiv1.TextSpan {
	var spans []*apiv1.TextSpan
	for _, s := range hashtag.Find(title) {
		kind := "tag"
		if s.Kind == hashtag.Mention {
			kind = "mention"
		}
		spans = append(spans, &apiv1.TextSpan{Type: kind, Start: int32(s.Start), Length: int32(s.Length), Value: s.Value})
	}
	return spans
}
