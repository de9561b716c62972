package gateway

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"douyin.dev/gateway/rest"
	"douyin.dev/gateway/static"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	counterv1 "douyin.dev/gen/douyin/counter/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
)

// Hydration turns ids into what clients see. The number of calls does not
// depend on the number of ids: three for users, three more for videos.
//
// Who a user is and what a video is must be known, or the answer fails. Counts
// and the caller's own marks may be missing: a feed without counts beats no
// feed, so they are waited for briefly, stay at zero, and the log says so.

// users answers the users that exist, by id.
func (g *Gateway) users(ctx context.Context, ids []int64) (map[int64]*apiv1.User, error) {
	ids = distinct(ids)
	if len(ids) == 0 {
		return map[int64]*apiv1.User{}, nil
	}
	var counts map[int64]*counterv1.UserCounts
	var followed []int64
	optional, cancel := forOptionals(ctx)
	defer cancel()
	var calls sync.WaitGroup
	calls.Go(func() {
		var err error
		counts, err = readOptional(optional, &g.optional.userCounts, func(ctx context.Context) (map[int64]*counterv1.UserCounts, error) {
			return g.reads.userCounts.Load(ctx, ids)
		})
		g.optional.userCounts.logDegraded(optional, g.Log, "user counts", err)
	})
	if viewer, ok := auth.ViewerFrom(ctx); ok && !onlyOf(ids, viewer.UserID) { // nobody follows themselves
		calls.Go(func() { followed = g.followed(optional, viewer, ids) })
	}
	found, err := g.reads.users.Load(ctx, ids)
	calls.Wait()
	if err != nil {
		return nil, err
	}
	pictures := defaultPictures(rest.BaseURL(ctx))
	users := make(map[int64]*apiv1.User, len(ids))
	for _, id := range ids {
		u, c := found[id], counts[id]
		if u == nil {
			continue
		}
		users[id] = publicUser(pictures, u, c)
	}
	for _, id := range followed {
		if u := users[id]; u != nil {
			u.IsFollow = true
		}
	}
	return users, nil
}

// pictures are the URLs of the pictures of a user.
type pictures struct{ avatar, background string }

// defaultPictures are those of users without pictures of their own; base begins
// their URLs.
func defaultPictures(base string) pictures {
	return pictures{avatar: base + static.AvatarPath, background: base + static.BackgroundPath}
}

// publicUser is a user as anonymous callers see it.
func publicUser(defaults pictures, u *userv1.User, c *counterv1.UserCounts) *apiv1.User {
	return &apiv1.User{
		Id: u.GetId(), Name: u.GetName(), Signature: u.GetSignature(),
		Avatar:          cmp.Or(u.GetAvatarUrl(), defaults.avatar),
		BackgroundImage: cmp.Or(u.GetBackgroundUrl(), defaults.background),
		FollowCount:     c.GetFollowCount(), FollowerCount: c.GetFollowerCount(),
		TotalFavorited: c.GetTotalFavorited(), WorkCount: c.GetWorkCount(), FavoriteCount: c.GetFavoriteCount(),
	}
}

// videos answers the videos that exist and that the caller may see, in the order of ids.
func (g *Gateway) videos(ctx context.Context, ids []int64) ([]*apiv1.Video, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var counts map[int64]*counterv1.VideoCounts
	var liked []int64
	optional, cancel := forOptionals(ctx)
	defer cancel()
	var calls sync.WaitGroup
	calls.Go(func() {
		var err error
		counts, err = readOptional(optional, &g.optional.videoCounts, func(ctx context.Context) (map[int64]*counterv1.VideoCounts, error) {
			return g.reads.videoCounts.Load(ctx, ids)
		})
		g.optional.videoCounts.logDegraded(optional, g.Log, "video counts", err)
	})
	if viewer, ok := auth.ViewerFrom(ctx); ok {
		calls.Go(func() { liked = g.liked(optional, viewer, ids) })
	}
	found, authors, err := g.videosAndAuthors(ctx, ids)
	calls.Wait()
	if err != nil {
		return nil, err
	}
	return g.assembleVideos(ctx, ids, found, authors, counts, liked), nil
}

// withViewerFields says of videos, as anybody sees them, what holds for the caller: which
// they like, and whose authors they follow. Others may be reading the same
// videos, so those that differ are copies.
func (g *Gateway) withViewerFields(ctx context.Context, videos []*apiv1.Video) []*apiv1.Video {
	viewer, ok := auth.ViewerFrom(ctx)
	if !ok || len(videos) == 0 {
		return videos
	}
	ids, authors := subjects(videos)
	liked, followed := g.viewerFields(ctx, viewer, ids, authors)
	out := slices.Clone(videos)
	for i, v := range videos {
		likes, follows := slices.Contains(liked, v.GetId()), slices.Contains(followed, v.GetAuthor().GetId())
		if likes || follows {
			own := proto.CloneOf(v)
			own.IsFavorite, own.Author.IsFollow = likes, follows
			out[i] = own
		}
	}
	return out
}

// subjects are the ids of videos, and those of their authors without repetition.
func subjects(videos []*apiv1.Video) (ids, authors []int64) {
	ids, authors = make([]int64, len(videos)), make([]int64, len(videos))
	for i, v := range videos {
		ids[i], authors[i] = v.GetId(), v.GetAuthor().GetId()
	}
	return ids, distinct(authors)
}

// viewerFields answers which of the videos the viewer likes, and which of the
// authors they follow.
func (g *Gateway) viewerFields(ctx context.Context, viewer auth.Viewer, videoIDs, authorIDs []int64) (liked, followed []int64) {
	ctx, cancel := forOptionals(ctx)
	defer cancel()
	var calls sync.WaitGroup
	if !onlyOf(authorIDs, viewer.UserID) {
		calls.Go(func() { followed = g.followed(ctx, viewer, authorIDs) })
	}
	if len(videoIDs) > 0 {
		liked = g.liked(ctx, viewer, videoIDs)
	}
	calls.Wait()
	return liked, followed
}

// liked answers which of the videos the viewer likes, followed which of the
// users they follow. ctx is of forOptionals.
func (g *Gateway) liked(ctx context.Context, viewer auth.Viewer, videoIDs []int64) []int64 {
	likes, err := readOptional(ctx, &g.optional.likes, func(ctx context.Context) (*interactionv1.BatchCheckLikesResponse, error) {
		return g.Interaction.BatchCheckLikes(ctx, &interactionv1.BatchCheckLikesRequest{UserId: viewer.UserID, VideoIds: videoIDs})
	})
	g.optional.likes.logDegraded(ctx, g.Log, "likes", err)
	return likes.GetLikedVideoIds()
}

func (g *Gateway) followed(ctx context.Context, viewer auth.Viewer, userIDs []int64) []int64 {
	follows, err := readOptional(ctx, &g.optional.follows, func(ctx context.Context) (*relationv1.BatchCheckFollowsResponse, error) {
		return g.Relation.BatchCheckFollows(ctx, &relationv1.BatchCheckFollowsRequest{FollowerId: viewer.UserID, UserIds: userIDs})
	})
	g.optional.follows.logDegraded(ctx, g.Log, "follows", err)
	return follows.GetFollowedUserIds()
}

// videosAndAuthors answers the videos of ids that exist and that the caller may see, and their authors.
func (g *Gateway) videosAndAuthors(ctx context.Context, ids []int64) (map[int64]*videov1.Video, map[int64]*apiv1.User, error) {
	all, err := g.reads.videos.Load(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	found, err := g.visible(ctx, viewerOf(ctx), ids, all)
	if err != nil {
		return nil, nil, err
	}
	authorIDs := make([]int64, 0, len(ids))
	for _, id := range ids {
		if v := found[id]; v != nil {
			authorIDs = append(authorIDs, v.GetAuthorId())
		}
	}
	authors, err := g.users(ctx, authorIDs)
	return found, authors, err
}

func (g *Gateway) assembleVideos(ctx context.Context, ids []int64, found map[int64]*videov1.Video, authors map[int64]*apiv1.User,
	counts map[int64]*counterv1.VideoCounts, liked []int64,
) []*apiv1.Video {
	list := make([]*apiv1.Video, 0, len(ids))
	to := g.readerOf(ctx)
	for _, id := range ids {
		v := found[id]
		if v == nil || authors[v.GetAuthorId()] == nil {
			continue
		}
		shown := publicVideo(to, v, authors[v.GetAuthorId()])
		shown.FavoriteCount, shown.CommentCount, shown.ViewCount = counts[id].GetFavoriteCount(), counts[id].GetCommentCount(), counts[id].GetViewCount()
		shown.IsFavorite = slices.Contains(liked, id)
		list = append(list, shown)
	}
	return list
}

// reader is what the URLs in an answer depend on; the same for all videos of it.
type reader struct {
	base   string
	viewer int64 // 0 for a guest
	now    time.Time
}

func (g *Gateway) readerOf(ctx context.Context) reader {
	return reader{base: rest.BaseURL(ctx), viewer: viewerOf(ctx), now: g.Now()}
}

// publicVideo is a video as its reader sees it.
func publicVideo(to reader, v *videov1.Video, author *apiv1.User) *apiv1.Video {
	url := func(key string) string { return mediaURL(to.base, v, to.viewer, to.now, key) }
	out := &apiv1.Video{
		Id: v.GetId(), Author: author, Title: v.GetTitle(), CreateTime: v.GetPublishedAtMs(),
		PlayUrl: url(v.GetMediaKey()), CoverUrl: url(v.GetCoverKey()), Visibility: visibilityWord(v.GetVisibility()),
		TitleSpans: titleSpans(v.GetTitle()),
	}
	if v.GetHlsKey() != "" {
		out.HlsUrl = url(v.GetHlsKey())
	}
	return out
}

// inOrder picks the users of ids, in their order.
func inOrder(ids []int64, users map[int64]*apiv1.User) []*apiv1.User {
	list := make([]*apiv1.User, 0, len(ids))
	for _, id := range ids {
		if u := users[id]; u != nil {
			list = append(list, u)
		}
	}
	return list
}

// onlyOf reports whether ids are all the same one.
func onlyOf(ids []int64, id int64) bool {
	return !slices.ContainsFunc(ids, func(other int64) bool { return other != id })
}

func distinct(ids []int64) []int64 {
	if len(ids) < 2 {
		return ids
	}
	seen := make(map[int64]struct{}, len(ids))
	out := ids[:0:0]
	for _, id := range ids {
		if _, twice := seen[id]; !twice {
			seen[id] = struct{}{}
			out = append(out, id)
		}
	}
	return out
}
