package standalone

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
)

// The demo videos: three test patterns, and three clips with sound that tools/demo
// draws (make demo-media).
//
//go:embed demo/*.mp4
var demo embed.FS

// seedTimeout bounds the seeding of a fresh data directory.
const seedTimeout = time.Minute

var demoVideos = []struct{ author, title, file string }{
	{"demo_lin", "Colours, slowly turning", "colours.mp4"},
	{"demo_mei", "Counting the seconds", "seconds.mp4"},
	{"demo_tao", "Cells that live and die", "life.mp4"},
	{"demo_ana", "The sun, just before it goes", "sea.mp4"},
	{"demo_kai", "Northern lights over the ridge", "northern-lights.mp4"},
	{"demo_noor", "A lamp that takes its time", "lava.mp4"},
}

// seed puts demo users and videos on a fresh data directory, through the
// services, as a client would. The process is ready only then: whoever asks for
// the feed at once finds it. A marker says that it was done.
func seed(ctx context.Context, rt *app.Runtime, dataDir string, report func(string, ...any)) error {
	marker := filepath.Join(dataDir, "seeded")
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	client, base := rt.Client("user")
	users := userv1connect.NewUserServiceClient(client, base, rt.ClientOptions())
	client, base = rt.Client("video")
	videos := videov1connect.NewVideoServiceClient(client, base, rt.ClientOptions())
	var seeds errgroup.Group
	seeds.SetLimit(2) // a registration hashes a password, and few of these may wait
	for _, d := range demoVideos {
		seeds.Go(func() error {
			viewer, err := demoUser(ctx, users, d.author)
			if err != nil {
				return fmt.Errorf("user %s: %w", d.author, err)
			}
			if viewer == nil { // an earlier seeding got this far
				return nil
			}
			if err := demoVideo(viewer, videos, d.title, d.file); err != nil {
				return fmt.Errorf("video %s: %w", d.file, err)
			}
			report("demo      %s: %s", d.author, d.title)
			return nil
		})
	}
	if err := seeds.Wait(); err != nil {
		return err
	}
	return os.WriteFile(marker, []byte(time.Now().Format(time.RFC3339)+"\n"), 0o600)
}

// demoUser registers a user nobody can log in as; nil when the name is taken.
func demoUser(ctx context.Context, users userv1connect.UserServiceClient, name string) (context.Context, error) {
	res, err := users.Register(ctx, &userv1.RegisterRequest{Username: name, Password: rand.Text()})
	if fault.HasReason(err, userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN) {
		return nil, nil //nolint:nilnil // taken is an answer
	}
	if err != nil {
		return nil, err
	}
	session, err := users.VerifySession(ctx, &userv1.VerifySessionRequest{Token: res.GetToken()})
	if err != nil {
		return nil, err
	}
	return auth.WithToken(ctx, session.GetViewerToken()), nil
}

func demoVideo(ctx context.Context, videos videov1connect.VideoServiceClient, title, file string) error {
	body, err := demo.ReadFile("demo/" + file)
	if err != nil {
		return err
	}
	stream, err := videos.PublishVideo(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Header{
		Header: &videov1.PublishVideoHeader{Title: title},
	}})
	for chunk := bytes.NewReader(body); err == nil && chunk.Len() > 0; {
		part := make([]byte, min(chunk.Len(), 256<<10))
		if _, err = io.ReadFull(chunk, part); err == nil {
			err = stream.Send(&videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Chunk{Chunk: part}})
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = stream.CloseAndReceive()
	return err
}
