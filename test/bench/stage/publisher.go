package stage

import (
	"context"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// Publisher registers a user outside of any world who publishes one video, and returns both ids.
func Publisher(ctx context.Context, p *Platform) (author, video int64, err error) {
	w := &World{Users: make([]User, 1), Videos: make([]Video, 1)}
	api := p.Client()
	if err := w.register(ctx, api, 0); err != nil {
		return 0, 0, err
	}
	if err := w.publish(ctx, api, 0); err != nil {
		return 0, 0, err
	}
	return w.Users[0].ID, w.Videos[0].ID, nil
}

// NewUser registers a user outside of any world.
func NewUser(ctx context.Context, p *Platform) (User, error) {
	w := &World{Users: make([]User, 1)}
	err := w.register(ctx, p.Client(), 0)
	return w.Users[0], err
}

// PublishAs publishes one more video of a user.
func PublishAs(ctx context.Context, p *Platform, u User) error {
	file, err := media.Draw()
	if err != nil {
		return err
	}
	_, err = ok(p.Client().Do(ctx, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
		{Name: "token", Content: []byte(u.Token)},
		{Name: "title", Content: []byte("one more video")},
		{Name: "data", FileName: "video.mp4", Content: file},
	}}))
	return err
}
