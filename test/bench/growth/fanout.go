package growth

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/test/bench/proc"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

const (
	// pipelined is how many commands go to Redis at once.
	pipelined = 1000
	// watched timelines tell when the last has changed.
	watched = 200
	// fanoutLimit bounds the wait for a publication to arrive.
	fanoutLimit = 5 * time.Minute
	memoryLook  = 50 * time.Millisecond
)

// Crowd is an author and followers, each with a timeline.
type Crowd struct {
	lab       *Lab
	author    stage.User
	reader    stage.User
	followers int64
	key       string // of the reader's timeline
}

// Gather makes a crowd. The timelines are copies of a real follower's.
func (l *Lab) Gather(ctx context.Context, followers int64) (*Crowd, error) {
	c := &Crowd{lab: l, followers: followers}
	var err error
	if c.author, err = stage.NewUser(ctx, l.platform); err != nil {
		return nil, err
	}
	if c.reader, err = stage.NewUser(ctx, l.platform); err != nil {
		return nil, err
	}
	if err := stage.PublishAs(ctx, l.platform, c.author); err != nil {
		return nil, err
	}
	if err := l.fillFollowers(c.author.ID)(ctx, 0, followers); err != nil {
		return nil, err
	}
	if err := l.follow(ctx, c.reader, c.author.ID); err != nil {
		return nil, err
	}
	return c, c.copyTimeline(ctx)
}

// copyTimeline gives every follower the reader's timeline.
func (c *Crowd) copyTimeline(ctx context.Context) error {
	if _, err := c.lab.platform.Quiet(ctx); err != nil { // the follow discards a timeline; that must be over
		return err
	}
	if _, err := c.videos(ctx); err != nil { // makes the timeline
		return err
	}
	redis := c.lab.redis
	keys, err := redis.Do(ctx, redis.B().Keys().Pattern("*"+str(c.reader.ID)+"*").Build()).AsStrSlice()
	if err != nil {
		return fmt.Errorf("look for a timeline: %w", err)
	}
	for _, key := range keys {
		kind, err := redis.Do(ctx, redis.B().Type().Key(key).Build()).ToString()
		if err != nil {
			return fmt.Errorf("look for a timeline: %w", err)
		}
		if kind == "zset" {
			c.key = key
		}
	}
	if c.key == "" {
		return fmt.Errorf("the reader has no timeline among %q", keys)
	}
	return c.eachFollower(ctx, func(key string) rueidis.Completed {
		return redis.B().Copy().Source(c.key).Destination(key).Replace().Build()
	}, func(int64) {})
}

// eachFollower runs a command on every follower's timeline.
func (c *Crowd) eachFollower(ctx context.Context, command func(key string) rueidis.Completed, answer func(int64)) error {
	for first := int64(0); first < c.followers; first += pipelined {
		var commands rueidis.Commands
		for i := first; i < min(first+pipelined, c.followers); i++ {
			commands = append(commands, command(c.keyOf(i)))
		}
		for _, r := range c.lab.redis.DoMulti(ctx, commands...) {
			n, err := r.AsInt64()
			if err != nil {
				return fmt.Errorf("timelines: %w", err)
			}
			answer(n)
		}
	}
	return nil
}

func (c *Crowd) keyOf(i int64) string {
	return strings.ReplaceAll(c.key, str(c.reader.ID), str(firstUser+i))
}

// changed counts the timelines that have another size than before: of all, or of those watched.
func (c *Crowd) changed(ctx context.Context, before int64, all bool) (n int64, err error) {
	redis := c.lab.redis
	if all {
		err = c.eachFollower(ctx, func(key string) rueidis.Completed { return redis.B().Zcard().Key(key).Build() }, func(size int64) {
			if size != before {
				n++
			}
		})
		return n, err
	}
	var commands rueidis.Commands
	for i := range int64(watched) {
		commands = append(commands, redis.B().Zcard().Key(c.keyOf(i*(c.followers-1)/(watched-1))).Build())
	}
	for _, r := range redis.DoMulti(ctx, commands...) {
		size, err := r.AsInt64()
		if err != nil {
			return 0, fmt.Errorf("timelines: %w", err)
		}
		if size != before {
			n++
		}
	}
	return n, nil
}

// videos is how many the reader's following feed has.
func (c *Crowd) videos(ctx context.Context) (int, error) {
	a, err := c.lab.platform.Client().WithToken(c.reader.Token).Get(ctx, "/douyin/feed/following/")
	if err != nil {
		return 0, err
	}
	var list struct {
		Videos []harness.Video `json:"video_list"`
	}
	if a.Code() != 0 {
		return 0, fmt.Errorf("refused: %s", a)
	}
	err = a.Decode(&list)
	return len(list.Videos), err
}

// Publish publishes one video and watches it arrive. process names the one
// whose memory is watched; changes says whether timelines are expected to change.
func (c *Crowd) Publish(ctx context.Context, how, process string, changes bool) (*result.Fanout, error) {
	ctx, cancel := context.WithTimeout(ctx, fanoutLimit)
	defer cancel()
	if _, err := c.lab.platform.Quiet(ctx); err != nil {
		return nil, err
	}
	seen, err := c.videos(ctx)
	if err != nil {
		return nil, err
	}
	size, err := c.lab.redis.Do(ctx, c.lab.redis.B().Zcard().Key(c.keyOf(0)).Build()).AsInt64()
	if err != nil {
		return nil, fmt.Errorf("timelines: %w", err)
	}
	memory := watchMemory(ctx, c.lab.platform.PID, process)
	cpu, err := c.lab.platform.CPU()
	if err != nil {
		return nil, err
	}
	if err := stage.PublishAs(ctx, c.lab.platform, c.author); err != nil {
		return nil, err
	}
	found := &result.Fanout{Followers: c.followers, How: how}
	started := time.Now()
	if found.Visible, err = until(ctx, started, func() (bool, error) { n, err := c.videos(ctx); return n > seen, err }); err != nil {
		return nil, fmt.Errorf("the video does not show: %w", err)
	}
	found.Done = found.Visible
	if changes {
		found.Done, err = until(ctx, started, func() (bool, error) { n, err := c.changed(ctx, size, false); return n == watched, err })
		if err != nil {
			return nil, fmt.Errorf("the timelines do not change: %w", err)
		}
	}
	if _, err := c.lab.platform.Quiet(ctx); err != nil {
		return nil, err
	}
	after, err := c.lab.platform.CPU()
	if err != nil {
		return nil, err
	}
	found.CPU = after - cpu
	if found.Before, found.Peak, err = memory(); err != nil {
		return nil, err
	}
	found.Timelines, err = c.changed(ctx, size, true)
	return found, err
}

// until polls and returns the seconds since a start.
func until(ctx context.Context, started time.Time, check func() (bool, error)) (float64, error) {
	for {
		done, err := check()
		if err != nil || done {
			return time.Since(started).Seconds(), err
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// watchMemory looks at the memory of the processes of a name until the
// returned function is called, which tells what it was at first and at most, in MiB.
func watchMemory(ctx context.Context, root int, name string) func() (before, peak float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	var first, most float64
	var failure error
	look := func() {
		usage, err := proc.Tree(root)
		if err != nil {
			failure = err
			return
		}
		now := float64(usage[name].PSS) / (1 << 20)
		if first == 0 {
			first = now
		}
		most = max(most, now)
	}
	look()
	done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(memoryLook):
				look()
			}
		}
	})
	return func() (float64, float64, error) {
		cancel()
		done.Wait()
		return first, most, failure
	}
}
