package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// pause between two looks at what workers bring about.
const pause = 200 * time.Millisecond

// walk does what the command's comment tells, and a line for each step.
func walk(ctx context.Context, base string, out io.Writer) error {
	w := walker{api: harness.NewClient(strings.TrimSuffix(base, "/")), out: out}
	if err := w.eventually(ctx, "answer", w.answers); err != nil {
		return err
	}
	author, err := w.register(ctx, "smoke_author")
	if err != nil {
		return err
	}
	title := harness.Name("smoke")
	if err := w.publish(ctx, author, title); err != nil {
		return err
	}
	fan, err := w.register(ctx, "smoke_fan")
	if err != nil {
		return err
	}
	var video harness.Video
	if err := w.eventually(ctx, "video in the feed", func(ctx context.Context) (err error) {
		video, err = w.inFeed(ctx, fan, title)
		return err
	}); err != nil {
		return err
	}
	if err := w.plays(ctx, video); err != nil {
		return err
	}
	if err := w.like(ctx, fan, video.ID); err != nil {
		return err
	}
	if err := w.eventually(ctx, "video ready", func(ctx context.Context) error { return w.ready(ctx, author, video.ID) }); err != nil {
		return err
	}
	return w.eventually(ctx, "count of likes", func(ctx context.Context) error {
		seen, err := w.inFeed(ctx, fan, title)
		if err != nil {
			return err
		}
		if !seen.IsFavorite || seen.FavoriteCount != 1 {
			return fmt.Errorf("video %d has %d likes, is_favorite %t, want 1 and true", seen.ID, seen.FavoriteCount, seen.IsFavorite)
		}
		return nil
	})
}

type walker struct {
	api *harness.Client
	out io.Writer
}

// say notes a step that is done.
func (w walker) say(format string, args ...any) { fmt.Fprintf(w.out, format+"\n", args...) }

// eventually repeats a look until it finds what it wants or ctx ends.
func (w walker) eventually(ctx context.Context, what string, look func(context.Context) error) error {
	began := time.Now()
	for {
		err := look(ctx)
		if err == nil {
			w.say("%s: ok after %s", what, time.Since(began).Round(time.Millisecond))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		case <-time.After(pause):
		}
	}
}

func (w walker) answers(ctx context.Context) error {
	answer, err := w.api.Get(ctx, "/douyin/feed/")
	if err != nil {
		return err
	}
	return good(answer)
}

func (w walker) register(ctx context.Context, prefix string) (*harness.Client, error) {
	name := harness.Name(prefix)
	answer, err := w.api.Post(ctx, "/douyin/user/register/", "username", name, "password", harness.Name("secret"))
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	var account struct {
		UserID int64  `json:"user_id"`
		Token  string `json:"token"`
	}
	if err := decode(answer, &account); err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	if account.UserID == 0 || account.Token == "" {
		return nil, fmt.Errorf("register: no id or no token in %s", answer)
	}
	w.say("register %s: user %d", name, account.UserID)
	return w.api.WithToken(account.Token), nil
}

func (w walker) publish(ctx context.Context, author *harness.Client, title string) error {
	content, err := media.Draw()
	if err != nil {
		return err
	}
	answer, err := author.Do(ctx, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
		{Name: "title", Content: []byte(title)},
		{Name: "data", FileName: "smoke.mp4", ContentType: "video/mp4", Content: content},
	}})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := good(answer); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	w.say("publish %s: %d bytes", title, len(content))
	return nil
}

// inFeed finds the newest video with the title.
func (w walker) inFeed(ctx context.Context, viewer *harness.Client, title string) (harness.Video, error) {
	answer, err := viewer.Get(ctx, "/douyin/feed/")
	if err != nil {
		return harness.Video{}, err
	}
	var page struct {
		VideoList []harness.Video `json:"video_list"`
	}
	if err := decode(answer, &page); err != nil {
		return harness.Video{}, err
	}
	for _, video := range page.VideoList {
		if video.Title == title {
			return video, nil
		}
	}
	return harness.Video{}, fmt.Errorf("no %q among the %d newest videos", title, len(page.VideoList))
}

// plays loads the first bytes of the video, as a player does. The path is taken
// from play_url and asked for at the base: the public name may not lead here.
func (w walker) plays(ctx context.Context, video harness.Video) error {
	from, err := url.Parse(video.PlayURL)
	if err != nil {
		return fmt.Errorf("play_url: %w", err)
	}
	res, err := w.api.Open(ctx, harness.Call{Path: from.EscapedPath(), Header: http.Header{"Range": {"bytes=0-1023"}}})
	if err != nil {
		return fmt.Errorf("play: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	head, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return fmt.Errorf("play: %w", err)
	}
	if res.StatusCode != http.StatusPartialContent || len(head) != 1024 {
		return fmt.Errorf("play: HTTP %d with %d bytes, want 206 with 1024", res.StatusCode, len(head))
	}
	w.say("play: the first kilobyte of video %d", video.ID)
	return nil
}

// ready asks whether all that will be made of the video is there.
func (w walker) ready(ctx context.Context, author *harness.Client, video int64) error {
	answer, err := author.Get(ctx, "/douyin/publish/status/", "video_id", strconv.FormatInt(video, 10))
	if err != nil {
		return err
	}
	var found struct {
		Status struct{ State, Message string }
	}
	if err := decode(answer, &found); err != nil {
		return err
	}
	if found.Status.State != "ready" {
		return fmt.Errorf("video %d is %s %s", video, found.Status.State, found.Status.Message)
	}
	return nil
}

func (w walker) like(ctx context.Context, fan *harness.Client, video int64) error {
	answer, err := fan.Post(ctx, "/douyin/favorite/action/", "video_id", strconv.FormatInt(video, 10), "action_type", "1")
	if err != nil {
		return fmt.Errorf("like: %w", err)
	}
	if err := good(answer); err != nil {
		return fmt.Errorf("like: %w", err)
	}
	w.say("like: video %d", video)
	return nil
}

// good says why an answer is not a success.
func good(answer *harness.Answer) error {
	if answer.HTTP != http.StatusOK || answer.Code() != 0 {
		return fmt.Errorf("not a success: %s", answer)
	}
	return nil
}

func decode(answer *harness.Answer, into any) error {
	if err := good(answer); err != nil {
		return err
	}
	return answer.Decode(into)
}
