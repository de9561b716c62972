package search

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	searchv1 "douyin.dev/gen/douyin/search/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

// owners stands for the services that own what is searched. Safe for concurrent use.
type owners struct {
	mu        sync.Mutex
	videos    map[int64]*videov1.Video
	users     map[int64]*userv1.User
	likes     map[int64]int64
	followers map[int64]int64

	failing    int64 // enumerations behind this id fail; 0 for none
	enumerated int64 // after_id of the first enumeration since failing was set
}

var errOwnerDown = errors.New("owner is down")

// failAfter lets enumerations behind an id fail; 0 for none.
func (o *owners) failAfter(id int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failing, o.enumerated = id, -1
}

// enumeratedFrom is where the first enumeration since failAfter began.
func (o *owners) enumeratedFrom() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.enumerated
}

// after answers at most limit ids behind one.
func (o *owners) after(ids []int64, after int64, limit int32) ([]int64, error) {
	if o.enumerated < 0 {
		o.enumerated = after
	}
	if o.failing > 0 && after >= o.failing {
		return nil, errOwnerDown
	}
	slices.Sort(ids)
	at, _ := slices.BinarySearch(ids, after+1)
	return ids[at:min(len(ids), at+int(limit))], nil
}

func (o *owners) EnumerateVideos(_ context.Context, req *videov1.EnumerateVideosRequest) (*videov1.EnumerateVideosResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids, err := o.after(slices.Collect(maps.Keys(o.videos)), req.GetAfterId(), req.GetLimit())
	return &videov1.EnumerateVideosResponse{VideoIds: ids}, err
}

func (o *owners) EnumerateUsers(_ context.Context, req *userv1.EnumerateUsersRequest) (*userv1.EnumerateUsersResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids, err := o.after(slices.Collect(maps.Keys(o.users)), req.GetAfterId(), req.GetLimit())
	return &userv1.EnumerateUsersResponse{UserIds: ids}, err
}

func (o *owners) BatchGetVideos(_ context.Context, req *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	res := &videov1.BatchGetVideosResponse{}
	for _, id := range req.GetIds() {
		if v := o.videos[id]; v != nil {
			res.Videos = append(res.Videos, proto.CloneOf(v))
		}
	}
	return res, nil
}

func (o *owners) BatchGetUsers(_ context.Context, req *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	res := &userv1.BatchGetUsersResponse{}
	for _, id := range req.GetIds() {
		if u := o.users[id]; u != nil {
			res.Users = append(res.Users, proto.CloneOf(u))
		}
	}
	return res, nil
}

func (o *owners) BatchGetVideoCounts(_ context.Context, req *counterv1.BatchGetVideoCountsRequest) (*counterv1.BatchGetVideoCountsResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	res := &counterv1.BatchGetVideoCountsResponse{}
	for _, id := range req.GetVideoIds() {
		res.Counts = append(res.Counts, &counterv1.VideoCounts{VideoId: id, FavoriteCount: o.likes[id]})
	}
	return res, nil
}

func (o *owners) BatchGetUserCounts(_ context.Context, req *counterv1.BatchGetUserCountsRequest) (*counterv1.BatchGetUserCountsResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	res := &counterv1.BatchGetUserCountsResponse{}
	for _, id := range req.GetUserIds() {
		res.Counts = append(res.Counts, &counterv1.UserCounts{UserId: id, FollowerCount: o.followers[id]})
	}
	return res, nil
}

type bundle struct {
	*Service
	db     *pg.DB
	owners *owners
}

func setup(t *testing.T) *bundle {
	t.Helper()
	t.Parallel()
	b := &bundle{db: pgtest.New(t, migrations), owners: &owners{
		videos: map[int64]*videov1.Video{}, users: map[int64]*userv1.User{}, likes: map[int64]int64{}, followers: map[int64]int64{},
	}}
	var err error
	b.Service, err = New(Deps{DB: b.db, Videos: b.owners, Users: b.owners, Counts: b.owners, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// publish makes videos with these titles, with ids from 1 on, and indexes them.
func (b *bundle) publish(t *testing.T, titles ...string) {
	t.Helper()
	var events []bus.Message
	for i, title := range titles {
		id := int64(i + 1)
		b.owners.videos[id] = &videov1.Video{Id: id, Title: title, Version: 1}
		events = append(events, changed(t, id))
	}
	b.handle(t, events...)
}

// edit changes a video, and indexes it.
func (b *bundle) edit(t *testing.T, id int64, change func(*videov1.Video)) {
	t.Helper()
	b.owners.mu.Lock()
	change(b.owners.videos[id])
	b.owners.videos[id].Version++
	b.owners.mu.Unlock()
	b.handle(t, changed(t, id))
}

func (b *bundle) handle(t *testing.T, events ...bus.Message) {
	t.Helper()
	if err := b.handleChanges(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func message(t *testing.T, m proto.Message) bus.Message {
	t.Helper()
	value, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return bus.Message{Topic: outbox.Topic(m), Value: value}
}

func changed(t *testing.T, id int64) bus.Message {
	t.Helper()
	return message(t, &videov1.VideoChanged{VideoId: id})
}

// found are the videos that a text finds, on all pages.
func (b *bundle) found(t *testing.T, text string) []int64 {
	t.Helper()
	var ids []int64
	for token := ""; ; {
		res, err := b.SearchVideos(t.Context(), &searchv1.SearchVideosRequest{Text: text, PageSize: 7, PageToken: token})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		ids = append(ids, res.GetVideoIds()...)
		if token = res.GetNextPageToken(); token == "" {
			return ids
		}
	}
}

// rows are all rows of the index.
func (b *bundle) rows(t *testing.T) []string {
	t.Helper()
	rows, err := b.db.RW().Query(t.Context(), `SELECT document::text FROM document UNION ALL SELECT tagged::text FROM tagged
UNION ALL SELECT tag::text FROM tag ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
