package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/scenario"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

const (
	// probes like and poll at the same time, each a video of its own.
	probes = 4
	// probePause is the time between two polls: the precision of what they find.
	probePause = 2 * time.Millisecond
	// probeLimit is how long a like may take to show before it counts as lost.
	probeLimit = 30 * time.Second
	// logging is how many clients log in while others read.
	logging = 64
)

// events measures what concerns more than one scenario: how late counts are
// under load, and how much logins slow others.
func (b *bench) events(ctx context.Context, found *result.Mode) error {
	for _, row := range found.Rows {
		var err error
		switch row.Scenario {
		case "favorite":
			found.Lag, err = b.lag(ctx, row.PerSecond/2)
		case "feed":
			found.Logins, err = b.logins(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lag measures how long a like takes to show in its video's count while
// others like at a rate.
func (b *bench) lag(ctx context.Context, rate float64) (*result.Lag, error) {
	chosen, err := scenario.Choose([]string{"favorite"})
	if err != nil {
		return nil, err
	}
	background := &result.Row{}
	warmup, duration := b.Warmup, 4*b.Duration
	histograms := make([]*load.Histogram, probes)
	likers := make([]liker, probes)
	for i := range likers {
		if likers[i], err = b.liker(ctx, i); err != nil {
			return nil, fmt.Errorf("prepare probe: %w", err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := b.load(ctx, chosen[0], background, load.Options{Connections: base, Rate: rate, Warmup: warmup, Duration: duration})
		return err
	})
	end := time.Now().Add(warmup + duration)
	for i := range likers {
		group.Go(func() (err error) {
			histograms[i], err = likers[i].probe(ctx, time.Now().Add(warmup), end)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("measure lag: %w", err)
	}
	if len(background.Failures) > 0 {
		return nil, fmt.Errorf("measure lag: %q", background.Failures)
	}
	all := load.NewHistogram()
	for _, h := range histograms {
		all.Merge(h)
	}
	return &result.Lag{LoadPerSecond: rate, Likes: all.Count(), Latency: all.Latency()}, nil
}

// liker likes and unlikes one video that nobody else does.
type liker struct {
	api           *harness.Client
	author, video string
}

func (b *bench) liker(ctx context.Context, i int) (liker, error) {
	author, video, err := stage.Publisher(ctx, b.platform)
	if err != nil {
		return liker{}, err
	}
	user := b.world.Users[i]
	return liker{
		api: b.platform.Client().WithToken(user.Token), author: strconv.FormatInt(author, 10), video: strconv.FormatInt(video, 10),
	}, nil
}

// probe toggles and records how long each toggle took to show, from begin to end.
func (l liker) probe(ctx context.Context, begin, end time.Time) (*load.Histogram, error) {
	h := load.NewHistogram()
	for liked := int64(1); time.Now().Before(end); liked = 1 - liked {
		action := strconv.FormatInt(2-liked, 10)
		a, err := l.api.Post(ctx, "/douyin/favorite/action/", "video_id", l.video, "action_type", action)
		if err != nil {
			return nil, err
		}
		if a.Code() != 0 {
			return nil, errors.New(a.String())
		}
		acknowledged := time.Now()
		if err := l.shows(ctx, liked); err != nil {
			return nil, err
		}
		if acknowledged.After(begin) {
			h.Record(time.Since(acknowledged))
		}
	}
	return h, nil
}

// shows polls until the video's count is as wanted.
func (l liker) shows(ctx context.Context, want int64) error {
	for limit := time.Now().Add(probeLimit); time.Now().Before(limit); {
		a, err := l.api.Get(ctx, "/douyin/publish/list/", "user_id", l.author)
		if err != nil {
			return err
		}
		var list struct {
			Videos []harness.Video `json:"video_list"`
		}
		if err := a.Decode(&list); err != nil {
			return err
		}
		if len(list.Videos) == 1 && list.Videos[0].FavoriteCount == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(probePause):
		}
	}
	return fmt.Errorf("a like did not show within %s", probeLimit)
}

// logins measures the feed without and with others who log in.
func (b *bench) logins(ctx context.Context) (*result.Logins, error) {
	found := &result.Logins{}
	var alone, beside, slower, made []float64
	for range b.Passes * b.Rounds {
		without, _, err := b.feedBesideLogins(ctx, 0, 0)
		if err != nil {
			return nil, err
		}
		with, logins, err := b.feedBesideLogins(ctx, 0, logging)
		if err != nil {
			return nil, err
		}
		alone, beside = append(alone, without.PerSecond), append(beside, with.PerSecond)
		slower = append(slower, 1-with.PerSecond/without.PerSecond)
		made = append(made, logins.PerSecond)
	}
	found.Alone, found.Beside = result.Median(alone), result.Median(beside)
	found.Slower, found.PerSecond = result.Median(slower), result.Median(made)
	without, _, err := b.feedBesideLogins(ctx, found.Alone/2, 0)
	if err != nil {
		return nil, err
	}
	with, _, err := b.feedBesideLogins(ctx, found.Alone/2, logging)
	if err != nil {
		return nil, err
	}
	found.P99Alone, found.P99Beside = without.Latency.P99, with.Latency.P99
	return found, nil
}

// feedBesideLogins loads the feed, in an open loop where rate is not 0, while
// so many clients log in.
func (b *bench) feedBesideLogins(ctx context.Context, rate float64, clients int) (feed, logins *load.Result, err error) {
	both, err := scenario.Choose([]string{"feed", "login"})
	if err != nil {
		return nil, nil, err
	}
	row, loginRow := &result.Row{}, &result.Row{}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		feed, err = b.load(ctx, both[0], row, load.Options{Connections: base, Rate: rate, Warmup: b.Warmup, Duration: b.Duration})
		return err
	})
	if clients > 0 {
		group.Go(func() (err error) {
			logins, err = b.load(ctx, both[1], loginRow, load.Options{Connections: clients, Warmup: b.Warmup, Duration: b.Duration})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, fmt.Errorf("measure logins: %w", err)
	}
	// A login that is refused because too many wait is part of the answer; the feed must go on.
	if len(row.Failures) > 0 {
		return nil, nil, fmt.Errorf("measure logins: %q", row.Failures)
	}
	return feed, logins, nil
}
