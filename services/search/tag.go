package search

import (
	"context"

	searchv1 "douyin.dev/gen/douyin/search/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/hashtag"
	"douyin.dev/services/platform/page"
)

// SearchTags implements searchv1connect.SearchServiceHandler.
func (s *Service) SearchTags(ctx context.Context, req *searchv1.SearchTagsRequest) (*searchv1.SearchTagsResponse, error) {
	text, err := checkText("text", req.GetText())
	if err != nil {
		return nil, err
	}
	size, err := page.Size("page_size", req.GetPageSize(), defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	prefix := hashtag.Canonical(text)
	if prefix == "" {
		return &searchv1.SearchTagsResponse{}, nil
	}
	tags, err := s.store.tags(ctx, prefix, size)
	return &searchv1.SearchTagsResponse{Tags: tags}, err
}

// ListTagVideos implements searchv1connect.SearchServiceHandler.
func (s *Service) ListTagVideos(ctx context.Context, req *searchv1.ListTagVideosRequest) (*searchv1.ListTagVideosResponse, error) {
	name := hashtag.Canonical(req.GetTag())
	if name == "" {
		return nil, fault.Invalid("tag", "is no tag")
	}
	size, after, err := readPage(req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	count, err := s.store.videoCount(ctx, name)
	if err != nil {
		return nil, err
	}
	found, err := s.store.tagVideos(ctx, name, req.GetOrder(), after, size+1)
	if err != nil {
		return nil, err
	}
	ids, next := cutPage(found, size)
	return &searchv1.ListTagVideosResponse{VideoIds: ids, NextPageToken: next, Tag: &searchv1.Tag{Name: name, VideoCount: count}}, nil
}
