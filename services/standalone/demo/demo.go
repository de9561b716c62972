// Package demo puts a few users and videos on a fresh platform, through its public
// API: what a newcomer sees first. The standalone does it at its first start, and
// command demo for a cluster.
//
// Seed may run any number of times, also several at once: an author whose name is
// taken is left as it is. Nobody can log in as an author; the passwords are
// forgotten.
package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pause"
)

// clips holds one that counts its seconds, and those with sound that tools/demo
// draws (make demo-media).
//
//go:embed *.mp4
var clips embed.FS

// videos are published in about this order; the feed begins with the last.
var videos = []struct{ author, title, file string }{
	{"demo_mei", "Counting the seconds", "seconds.mp4"},
	{"demo_sam", "Faster than it looks", "tunnel.mp4"},
	{"demo_lin", "Eight mirrors and a little patience", "kaleidoscope.mp4"},
	{"demo_tao", "One more round", "planet.mp4"},
	{"demo_noor", "A lamp that takes its time", "lava.mp4"},
	{"demo_ana", "The sun, just before it goes", "sea.mp4"},
	{"demo_kai", "Northern lights over the ridge", "northern-lights.mp4"},
}

const (
	// registrationsAtOnce is small: each hashes a password, and the platform lets few wait for that.
	registrationsAtOnce = 2
	// chunkSize is how much of a clip is sent in one message, in bytes.
	chunkSize = 256 << 10
	// retryPause is the wait before a call is repeated that was refused for the moment.
	retryPause = time.Second
)

// Seed registers the demo authors and publishes a video of each, through the API at
// baseURL. It waits for a platform that does not answer yet until ctx ends.
// report gets a line for each video published.
func Seed(ctx context.Context, client connect.HTTPClient, baseURL string, report func(format string, args ...any)) error {
	s := seeder{
		users:   apiv1connect.NewUserServiceClient(client, baseURL),
		uploads: apiv1connect.NewUploadServiceClient(client, baseURL),
	}
	var authors errgroup.Group
	authors.SetLimit(registrationsAtOnce)
	for _, v := range videos {
		authors.Go(func() error {
			token, err := s.register(ctx, v.author)
			if connect.CodeOf(err) == connect.CodeAlreadyExists { // an earlier run got this far
				return nil
			}
			if err != nil {
				return fmt.Errorf("register %s: %w", v.author, err)
			}
			if err := s.publish(ctx, token, v.title, v.file); err != nil {
				return fmt.Errorf("publish %s: %w", v.file, err)
			}
			report("demo      %s: %s", v.author, v.title)
			return nil
		})
	}
	return authors.Wait()
}

type seeder struct {
	users   apiv1connect.UserServiceClient
	uploads apiv1connect.UploadServiceClient
}

// register returns the token of a new user.
func (s seeder) register(ctx context.Context, name string) (token string, err error) {
	// A repeated call finds the account of the first by this key.
	req := &apiv1.RegisterRequest{Username: name, Password: rand.Text(), IdempotencyKey: rand.Text()}
	err = untilAnswered(ctx, func() error {
		res, err := s.users.Register(ctx, req)
		token = res.GetToken()
		return err
	})
	return token, err
}

func (s seeder) publish(ctx context.Context, token, title, file string) error {
	clip, err := clips.ReadFile(file)
	if err != nil {
		return err
	}
	header := &apiv1.PublishVideoHeader{Title: title, IdempotencyKey: rand.Text()}
	return untilAnswered(ctx, func() error { return s.upload(ctx, token, header, clip) })
}

func (s seeder) upload(ctx context.Context, token string, header *apiv1.PublishVideoHeader, clip []byte) error {
	ctx, call := connect.NewClientContext(ctx)
	call.RequestHeader().Set("Authorization", "Bearer "+token)
	stream, err := s.uploads.PublishVideo(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&apiv1.PublishVideoRequest{Part: &apiv1.PublishVideoRequest_Header{Header: header}})
	for rest := bytes.NewBuffer(clip); err == nil && rest.Len() > 0; {
		err = stream.Send(&apiv1.PublishVideoRequest{Part: &apiv1.PublishVideoRequest_Chunk{Chunk: rest.Next(chunkSize)}})
	}
	if err != nil && !errors.Is(err, io.EOF) { // after io.EOF the answer says why
		return err
	}
	_, err = stream.CloseAndReceive()
	return err
}

// untilAnswered repeats a call while the platform is not up yet, has no room for it
// at the moment, or lost its answer. Calls carry a key, so that none counts twice.
func untilAnswered(ctx context.Context, call func() error) error {
	for {
		err := call()
		switch code := connect.CodeOf(err); {
		case err != nil && fault.IsOutcomeUnknown(err):
		case code == connect.CodeUnavailable, code == connect.CodeResourceExhausted, code == connect.CodeAborted:
		default: // answered, with or without an error
			return err
		}
		if !pause.For(ctx, retryPause) {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
