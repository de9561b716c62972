package hostile

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// ProxyAddress is where clients of a Proxied platform seem to come from.
const ProxyAddress = "127.0.0.9"

// World is a platform, the honest clients on it, and what everybody can see of them.
type World struct {
	// URL is the platform's base URL.
	URL string
	// Server is its process.
	Server *harness.Server
	setup  Setup

	anonymous *harness.Client // a connection for each call
	reader    *user           // reads, likes, comments and gets messages
	author    *user           // publishes and sends messages
	accounts  []*user         // log in
	video     harness.Video
	large     harness.Video // a file larger than the buffers of a connection
}

// user is an account with its session.
type user struct {
	id     int64
	name   string
	token  string
	client *harness.Client
}

// password is everybody's.
const password = "correct horse battery staple"

// register makes an account.
func register(ctx context.Context, client *harness.Client) (*user, error) {
	name := harness.Name("u")
	answer, err := client.Post(ctx, "/douyin/user/register/", "username", name, "password", password)
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	var session struct {
		UserID int64  `json:"user_id"`
		Token  string `json:"token"`
	}
	if err := accepted(answer, &session); err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	return &user{id: session.UserID, name: name, token: session.Token, client: client.WithToken(session.Token)}, nil
}

// accepted reads an answer that must say 0.
func accepted(answer *harness.Answer, into any) error {
	if answer.Code() != 0 {
		return fmt.Errorf("refused: %s", answer)
	}
	return answer.Decode(into)
}

// act makes a call whose answer says nothing but that it was done.
func (u *user) act(ctx context.Context, path string, pairs ...string) error {
	answer, err := u.client.Post(ctx, path, pairs...)
	if err != nil {
		return err
	}
	return accepted(answer, &struct{}{})
}

// publish uploads a file.
func (u *user) publish(ctx context.Context, file []byte, title string) error {
	answer, err := u.client.Do(ctx, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
		{Name: "data", FileName: "v.mp4", Content: file}, {Name: "title", Content: []byte(title)},
	}})
	if err != nil {
		return err
	}
	return accepted(answer, &struct{}{})
}

// published lists the user's videos, newest first.
func (u *user) published(ctx context.Context) ([]harness.Video, error) {
	answer, err := u.client.Get(ctx, "/douyin/publish/list/")
	if err != nil {
		return nil, err
	}
	var list struct {
		Videos []harness.Video `json:"video_list"`
	}
	err = accepted(answer, &list)
	return list.Videos, err
}

const (
	// loginAccounts share the logins, so that each keeps within its budget.
	loginAccounts = 6
	// largeBytes is the size of the large video.
	largeBytes = 24 << 20
)

// Populate makes the honest clients of a platform.
func Populate(ctx context.Context, server *harness.Server, setup Setup) (*World, error) {
	w := &World{URL: server.URL(), Server: server, setup: setup}
	w.anonymous = w.honest(true)
	people := make([]*user, 2+loginAccounts)
	for i := range people {
		var err error
		if people[i], err = register(ctx, w.honest(false)); err != nil {
			return nil, fmt.Errorf("populate: %w", err)
		}
	}
	w.reader, w.author, w.accounts = people[0], people[1], people[2:]
	clip, err := media.Draw()
	if err != nil {
		return nil, fmt.Errorf("populate: %w", err)
	}
	for _, file := range [][]byte{media.Padded(clip, largeBytes), clip} {
		if err := w.author.publish(ctx, file, "a video"); err != nil {
			return nil, fmt.Errorf("populate: %w", err)
		}
	}
	videos, err := w.author.published(ctx)
	if err != nil {
		return nil, fmt.Errorf("populate: %w", err)
	}
	if len(videos) != 2 {
		return nil, fmt.Errorf("populate: %d videos, want 2", len(videos))
	}
	w.video, w.large = videos[0], videos[1]
	return w, nil
}

// honest returns a client of an honest person: at the usual address, or behind
// the proxy.
func (w *World) honest(fresh bool) *harness.Client {
	if w.setup == Proxied {
		return harness.NewClientFrom(w.URL, ProxyAddress, fresh).WithHeader(http.Header{"X-Forwarded-For": {"203.0.113.7"}})
	}
	return harness.NewClientFrom(w.URL, "127.0.0.1", fresh)
}

// closeIdle closes the connections of honest clients that are not in use: what the
// platform holds for those is none of an attack's doing.
func (w *World) closeIdle() {
	for _, u := range append([]*user{w.reader, w.author}, w.accounts...) {
		u.client.CloseIdle()
	}
	w.anonymous.CloseIdle()
}

// host is the platform's host:port.
func (w *World) host() string { return strings.TrimPrefix(w.URL, "http://") }
