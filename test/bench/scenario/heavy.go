package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

func heavy() []Scenario {
	var published atomic.Int64
	return []Scenario{
		// More at a time than a machine can hash in their deadline are refused, as they should be.
		{Name: "login", Does: "check a password with argon2id and begin a session", Connections: 64, Open: logins},
		{
			Name: "publish", Does: "upload a video of 31 kB: checked, stored, with a cover", Writes: true, Connections: 16,
			Open: func(w *stage.World, host string, n int) func(int) load.Client { return publishes(w, host, &published) },
			Verify: func(ctx context.Context, w *stage.World, api *harness.Client) error {
				return verifyPublished(ctx, w, api, published.Load())
			},
		},
		{Name: "playback", Does: "the first 16 KiB of a video with Range", Limit: S, Open: playback},
	}
}

// logins logs random users in.
func logins(w *stage.World, host string, _ int) func(int) load.Client {
	const path = "/douyin/user/login/"
	requests := make([][]byte, len(w.Users))
	for i, u := range w.Users {
		form := url.Values{"username": {u.Name}, "password": {stage.Password}}.Encode()
		requests[i] = load.Post(nil, host, path, formType, "", []byte(form))
	}
	return func(connection int) load.Client {
		random := stage.Random("login", connection)
		return &client{path: path, next: func() ([]byte, func(*harness.Answer) error) {
			user := random.IntN(len(requests))
			return requests[user], func(a *harness.Answer) error {
				var in struct {
					UserID int64 `json:"user_id"`
					Token  string
				}
				if err := a.Decode(&in); err != nil {
					return err
				}
				if in.UserID != w.Users[user].ID || len(in.Token) < 20 {
					return fmt.Errorf("user %d got a session of %d", w.Users[user].ID, in.UserID)
				}
				return nil
			}
		}}
	}
}

// publishes uploads the world's files again, as their authors. The token goes
// in a header, so that the body is prepared.
func publishes(w *stage.World, host string, published *atomic.Int64) func(int) load.Client {
	const path, boundary = "/douyin/publish/action/", "benchmark-boundary-7f3a"
	requests := make([][]byte, len(w.Videos))
	for i, v := range w.Videos {
		var body bytes.Buffer
		fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nanother video\r\n", boundary)
		fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; name=\"data\"; filename=\"v.mp4\"\r\nContent-Type: video/mp4\r\n\r\n", boundary)
		body.Write(v.File)
		fmt.Fprintf(&body, "\r\n--%s--\r\n", boundary)
		requests[i] = load.Post(nil, host, path, "multipart/form-data; boundary="+boundary,
			"Authorization: Bearer "+w.Users[i].Token+"\r\n", body.Bytes())
	}
	return func(connection int) load.Client {
		random := stage.Random("publish", connection)
		return &client{
			path: path,
			next: func() ([]byte, func(*harness.Answer) error) {
				return requests[random.IntN(len(requests))], func(*harness.Answer) error { return nil }
			},
			done: func(err error) {
				if err == nil {
					published.Add(1)
				}
			},
		}
	}
}

// verifyPublished counts the videos: those of the seed and one for each upload.
func verifyPublished(ctx context.Context, w *stage.World, api *harness.Client, published int64) error {
	total := int64(0)
	for i := range w.Videos {
		var list videoList
		if err := fetch(ctx, api, w, i, "/douyin/publish/list/", &list); err != nil {
			return err
		}
		total += int64(len(list.Videos))
	}
	if want := published + stage.Videos; total != want {
		return fmt.Errorf("there are %d videos, and %d were acknowledged", total, want)
	}
	return nil
}

// rangeBytes is how much of a video a player asks for first.
const rangeBytes = 16 << 10

// playback asks for the beginning of random videos.
func playback(w *stage.World, host string, _ int) func(int) load.Client {
	header := fmt.Sprintf("Range: bytes=0-%d\r\n", rangeBytes-1)
	requests := make([][]byte, len(w.Videos))
	for i, v := range w.Videos {
		requests[i] = load.Get(nil, host, v.PlayPath, header)
	}
	return func(connection int) load.Client {
		random := stage.Random("playback", connection)
		return &player{next: func() ([]byte, []byte) {
			video := random.IntN(len(requests))
			return requests[video], w.Videos[video].File[:rangeBytes]
		}}
	}
}

// player is a Client that gets bytes and not JSON.
type player struct {
	next func() (request, content []byte)
	want []byte
}

func (p *player) Next() []byte {
	var request []byte
	request, p.want = p.next()
	return request
}

func (p *player) Done(error) {}

func (p *player) Quick(a load.Answer) error {
	if a.Status != http.StatusPartialContent || len(a.Body) != len(p.want) {
		return fmt.Errorf("HTTP %d with %d bytes", a.Status, len(a.Body))
	}
	return nil
}

func (p *player) Judge() func(load.Answer) error {
	want := p.want
	return func(a load.Answer) error {
		if a.ContentType != "video/mp4" {
			return fmt.Errorf("Content-Type is %q", a.ContentType)
		}
		if !slices.Equal(a.Body, want) {
			return errors.New("the bytes are not those of the file")
		}
		return nil
	}
}
