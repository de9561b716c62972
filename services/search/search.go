package search

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"unicode/utf8"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	searchv1 "douyin.dev/gen/douyin/search/v1"
	"douyin.dev/gen/douyin/search/v1/searchv1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/search/token"
)

const (
	// maxText bounds what is searched for, in characters.
	maxText = 100
	// defaultPage and maxPage are page sizes.
	defaultPage, maxPage = 30, 50
)

// Videos is what this service asks the video service.
type Videos interface {
	BatchGetVideos(context.Context, *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error)
	EnumerateVideos(context.Context, *videov1.EnumerateVideosRequest) (*videov1.EnumerateVideosResponse, error)
}

// Users is what this service asks the user service.
type Users interface {
	BatchGetUsers(context.Context, *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error)
	EnumerateUsers(context.Context, *userv1.EnumerateUsersRequest) (*userv1.EnumerateUsersResponse, error)
}

// Counts is what this service asks the counter service.
type Counts interface {
	BatchGetVideoCounts(context.Context, *counterv1.BatchGetVideoCountsRequest) (*counterv1.BatchGetVideoCountsResponse, error)
	BatchGetUserCounts(context.Context, *counterv1.BatchGetUserCountsRequest) (*counterv1.BatchGetUserCountsResponse, error)
}

// Deps is what a Service needs.
type Deps struct {
	// DB holds the tables of this package's migrations.
	DB     *pg.DB
	Videos Videos
	Users  Users
	Counts Counts
	Log    *slog.Logger
}

// Service implements the SearchService. It is safe for concurrent use.
type Service struct {
	store   *store
	videos  Videos
	users   Users
	counts  Counts
	log     *slog.Logger
	popular popular
}

var _ searchv1connect.SearchServiceHandler = (*Service)(nil)

// New returns a Service.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Videos == nil || d.Users == nil || d.Counts == nil || d.Log == nil {
		return nil, errors.New("search service needs a database, videos, users, counts and a log")
	}
	return &Service{store: &store{db: d.DB}, videos: d.Videos, users: d.Users, counts: d.Counts, log: d.Log}, nil
}

// checkText returns a text without the blanks around it.
func checkText(field, text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", fault.Invalid(field, "is required")
	case utf8.RuneCountInString(text) > maxText:
		return "", fault.Invalid(field, "is longer than 100 characters")
	default:
		return text, nil
	}
}

// SearchVideos implements searchv1connect.SearchServiceHandler.
func (s *Service) SearchVideos(ctx context.Context, req *searchv1.SearchVideosRequest) (*searchv1.SearchVideosResponse, error) {
	ids, next, err := s.find(ctx, ofVideo, req.GetText(), req.GetPageSize(), req.GetPageToken())
	return &searchv1.SearchVideosResponse{VideoIds: ids, NextPageToken: next}, err
}

// SearchUsers implements searchv1connect.SearchServiceHandler.
func (s *Service) SearchUsers(ctx context.Context, req *searchv1.SearchUsersRequest) (*searchv1.SearchUsersResponse, error) {
	ids, next, err := s.find(ctx, ofUser, strings.TrimLeft(strings.TrimSpace(req.GetText()), "@＠"), req.GetPageSize(), req.GetPageToken())
	return &searchv1.SearchUsersResponse{UserIds: ids, NextPageToken: next}, err
}

// find answers a page of documents of a kind. Where none has all words of the text,
// those that have some are found.
func (s *Service) find(ctx context.Context, kind kind, text string, pageSize int32, pageToken string) ([]int64, string, error) {
	text, err := checkText("text", text)
	if err != nil {
		return nil, "", err
	}
	size, after, err := readPage(pageSize, pageToken)
	if err != nil {
		return nil, "", err
	}
	query := token.Parse(text, kind == ofUser)
	if query.All == "" { // only signs
		return nil, "", nil
	}
	search := search{kind: kind, title: token.Fold(text), query: query.All, all: true, after: after, limit: size + 1}
	if after != nil && after.Time < allWords {
		search.all, search.query = false, query.Some
	}
	found, err := s.store.search(ctx, search)
	if err == nil && len(found) == 0 && after == nil && query.Some != query.All {
		search.all, search.query = false, query.Some
		found, err = s.store.search(ctx, search)
	}
	if err != nil {
		return nil, "", err
	}
	ids, next := cutPage(found, size)
	return ids, next, nil
}
