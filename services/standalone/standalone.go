package standalone

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"douyin.dev/gateway"
	"douyin.dev/services/counter"
	"douyin.dev/services/feed"
	"douyin.dev/services/infra"
	"douyin.dev/services/interaction"
	"douyin.dev/services/message"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
	"douyin.dev/services/relation"
	"douyin.dev/services/user"
	"douyin.dev/services/video"
)

// Component is the whole platform.
type Component struct {
	infra.Settings `embed:""`
	Seed           bool `help:"Put a few demo users and videos on a fresh data directory." default:"true" negatable:""`

	User        user.Component        `embed:"" prefix:"user-"`
	Video       video.Component       `embed:"" prefix:"video-"`
	Relation    relation.Component    `embed:"" prefix:"relation-"`
	Interaction interaction.Component `embed:"" prefix:"interaction-"`
	Counter     counter.Component     `embed:"" prefix:"counter-"`
	Message     message.Component     `embed:"" prefix:"message-"`
	Feed        feed.Component        `embed:"" prefix:"feed-"`
	Fanout      feed.Fanout           `embed:"" prefix:"fanout-"`
	Gateway     gateway.Component     `embed:"" prefix:"gateway-"`
}

// Whole implements app.Whole.
func (*Component) Whole() {}

// Mount implements app.Component.
func (c *Component) Mount(ctx context.Context, rt *app.Runtime) error {
	report := func(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }
	report("data      %s", c.DataDir)
	running, err := infra.Start(ctx, c.Settings, rt.Config, rt.Log, report)
	if err != nil {
		return err
	}
	rt.OnStop("infrastructure", running.Stop)
	if err := rt.ConnectBus(ctx); err != nil {
		return err
	}
	inside, listener := http.NewServeMux(), memhttp.NewListener()
	server := rpc.NewServer(inside)
	rt.Go("mesh in memory", app.Serve(server, listener))
	peers := listener.Transport()
	for _, part := range []struct {
		name      string
		component app.Component
	}{
		{"user", &c.User}, {"video", &c.Video}, {"relation", &c.Relation}, {"interaction", &c.Interaction},
		{"counter", &c.Counter}, {"message", &c.Message}, {"feed", &c.Feed}, {"fanout", &c.Fanout},
	} {
		if err := part.component.Mount(ctx, rt.Child(part.name, inside, peers)); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if err := c.Gateway.Mount(ctx, rt.Child("gateway", rt.Mux(), peers)); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if c.Seed {
		if err := seed(ctx, rt.Child("seed", inside, peers), c.DataDir, report); err != nil {
			return fmt.Errorf("demo data: %w", err)
		}
	}
	report("api       http://localhost%s/douyin/feed/   documentation /docs   private port %s", portOf(rt.Config.Listen), rt.Config.PrivateListen)
	return nil
}

func portOf(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == ':' {
			return address[i:]
		}
	}
	return ""
}
