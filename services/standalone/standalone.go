package standalone

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"douyin.dev/gateway"
	"douyin.dev/services/catalog"
	"douyin.dev/services/counter"
	"douyin.dev/services/feed"
	"douyin.dev/services/infra"
	"douyin.dev/services/interaction"
	"douyin.dev/services/message"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
	"douyin.dev/services/relation"
	"douyin.dev/services/search"
	"douyin.dev/services/user"
	"douyin.dev/services/video"
)

// Component is the whole platform.
type Component struct {
	infra.Settings `embed:""`
	Seed           bool `help:"Put a few demo users and videos on a fresh data directory." default:"true" negatable:""`

	User        user.Component        `embed:"" prefix:"user-"`
	Video       video.Component       `embed:"" prefix:"video-"`
	Transcode   video.Transcoder      `embed:"" prefix:"transcode-"`
	Relation    relation.Component    `embed:"" prefix:"relation-"`
	Interaction interaction.Component `embed:"" prefix:"interaction-"`
	Counter     counter.Component     `embed:"" prefix:"counter-"`
	Counting    counter.Worker        `embed:"" prefix:"counter-worker-"`
	Message     message.Component     `embed:"" prefix:"message-"`
	Feed        feed.Component        `embed:"" prefix:"feed-"`
	Search      search.Component      `embed:"" prefix:"search-"`
	Fanout      feed.Fanout           `embed:"" prefix:"fanout-"`
	Gateway     gateway.Component     `embed:"" prefix:"gateway-"`

	// Seen is rpc.Local's: a test watches what components hand each other.
	Seen func(procedure string, message any) `kong:"-"`
}

// Whole implements app.Whole.
func (*Component) Whole() {}

// Of returns the component of a service of the catalog.
func (c *Component) Of(service string) app.Component {
	return map[string]app.Component{
		"user": &c.User, "video": &c.Video, "relation": &c.Relation, "interaction": &c.Interaction, "counter": &c.Counter,
		"message": &c.Message, "feed": &c.Feed, "search": &c.Search, "counter-worker": &c.Counting, "fanout": &c.Fanout, "transcode": &c.Transcode,
		"gateway": &c.Gateway,
	}[service]
}

// Mount implements app.Component.
func (c *Component) Mount(ctx context.Context, rt *app.Runtime) error {
	report := func(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }
	report("data      %s", c.DataDir)
	running, err := infra.Start(ctx, c.Settings, rt.Config, rt.Log, report)
	if err != nil {
		return err
	}
	rt.OnStop("infrastructure", running.Stop)
	for _, store := range running.Stores() {
		rt.OnReady("embedded "+store.Name, func(context.Context) error { return store.Down() })
	}
	if err := rt.ConnectBus(ctx); err != nil {
		return err
	}
	if c.Video.WorkDir == "" {
		c.Video.WorkDir = filepath.Join(c.DataDir, "uploads")
	}
	if c.Transcode.WorkDir == "" {
		c.Transcode.WorkDir = filepath.Join(c.DataDir, "transcode")
	}
	inside, mounted := http.NewServeMux(), make(chan struct{})
	server := memhttp.NewServer(afterwards(mounted, inside), rt.Log)
	peers := &app.Peers{Transport: server, Local: rpc.NewLocal()}
	peers.Local.Seen = c.Seen
	rt.Go("mesh in memory", func(ctx context.Context) error {
		defer peers.Local.Close()
		return server.Run(ctx)
	})
	if err := c.mountAll(ctx, rt, inside, peers); err != nil {
		return err
	}
	close(mounted)
	peers.Local.Open()
	if c.Seed {
		if err := seed(ctx, rt, c.DataDir, report); err != nil {
			return err
		}
	}
	port := portOf(rt.Config.Listen)
	report("private   http://%s   health, metrics, traces, log level", rt.Config.PrivateListen)
	report("open      http://localhost%s/   and http://localhost%s/docs", port, port)
	return nil
}

// mountAll mounts the components side by side: most of a mount is waiting for
// Postgres. None may call another while it mounts.
func (c *Component) mountAll(ctx context.Context, rt *app.Runtime, inside *http.ServeMux, peers *app.Peers) error {
	var mounts errgroup.Group
	for _, service := range catalog.All() {
		mux := inside
		if service.Kind == catalog.Edge {
			mux = rt.Mux()
		}
		mounts.Go(func() error {
			if err := c.Of(service.Name).Mount(ctx, rt.Child(service.Name, mux, peers)); err != nil {
				return fmt.Errorf("%s: %w", service.Name, err)
			}
			return nil
		})
	}
	return mounts.Wait()
}

// afterwards lets calls wait until the channel is closed: loops start while
// the components they call are still being mounted.
func afterwards(open <-chan struct{}, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-open:
			h.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

func portOf(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == ':' {
			return address[i:]
		}
	}
	return ""
}
