package gateway

import (
	"context"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/metric"

	"douyin.dev/gateway/pace"
	"douyin.dev/gateway/policy"
	"douyin.dev/gateway/rest"
	"douyin.dev/gateway/rest/openapi"
	"douyin.dev/gateway/resumable"
	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	"douyin.dev/gen/douyin/feed/v1/feedv1connect"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	"douyin.dev/gen/douyin/search/v1/searchv1connect"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/client"
	"douyin.dev/services/platform/limit"
)

// Deps is what the gateway is made of: a client of each domain service, and
// the object store it serves media from.
type Deps struct {
	User        userv1connect.UserServiceClient
	Video       videov1connect.VideoServiceClient
	Feed        feedv1connect.FeedServiceClient
	Interaction interactionv1connect.InteractionServiceClient
	Relation    relationv1connect.RelationServiceClient
	Message     messagev1connect.MessageServiceClient
	Counter     counterv1connect.CounterServiceClient
	Search      searchv1connect.SearchServiceClient
	Media       *blob.Store
	Uploads     *resumable.Uploads
	Limiter     *limit.Limiter
	Log         *slog.Logger
	Now         func() time.Time
	// Zone dates comments.
	Zone *time.Location
	// Meters gets the gateway's metrics; nil for none.
	Meters metric.MeterProvider
	// Policies are what the RPCs of the public API declare; nil reads them. What is
	// not declared is refused.
	Policies policy.Policies
	// Settings are what operators set.
	Settings Settings
}

// Settings are what operators set.
type Settings struct {
	TrustedProxies      client.Proxies `help:"Networks of the proxies in front, CIDRs: what X-Forwarded-For, Forwarded, X-Forwarded-Proto, X-Forwarded-Host and a PROXY protocol header of these say is used, and of nobody else. Empty where clients connect directly."`
	PublicURL           string         `help:"Base URL of play_url, cover_url and links to videos; empty follows each request's Host."`
	CORSOrigins         []string       `help:"Origins browsers may call from; * for all." default:"*"`
	TimeZone            string         `help:"Zone of a comment's create_date." default:"Asia/Shanghai"`
	MaxUploadBytes      int64          `help:"Largest upload." default:"268435456"`
	ActionBurst         int            `help:"Actions of one kind a user may do at once; 0 for no limit." default:"100"`
	ActionRate          float64        `help:"Actions of one kind a user may do per second after the burst." default:"20"`
	RegisterBurst       int            `help:"Registrations per client at once; 0 for no limit." default:"20"`
	RegisterRate        float64        `help:"Registrations per client and second after the burst." default:"0.1"`
	LoginBurst          int            `help:"Login attempts per account, and ten times as many per address, at once; 0 for no limit." default:"20"`
	LoginRate           float64        `help:"Login attempts per account and second after the burst, and ten times as many per address." default:"0.2"`
	ViewBurst           int            `help:"Reports of views per user, or of guests per client, at once; 0 for no limit." default:"60"`
	ViewRate            float64        `help:"Reports of views per user, or of guests per client, and second after the burst." default:"2"`
	MaxConnections      int            `help:"Connections of all clients at once; more are closed. 0 for no limit." default:"10000"`
	ClientConnections   int            `help:"Connections of one client at once, an IPv4 address or an IPv6 /64; more are closed. Those of trusted proxies count only for a client in a PROXY protocol header. 0 for no limit." default:"512"`
	ClientCalls         int            `help:"Calls of one client under way at once, from the first byte to the last, with its streams and transfers; more are refused with 10009. 0 for no limit." default:"128"`
	ClientStreams       int            `help:"Push streams of one client at once; 0 for no limit." default:"20"`
	ClientDownloads     int            `help:"Downloads of one client at once; 0 for no limit." default:"64"`
	UserStreams         int            `help:"Push streams of one user at once; 0 for no limit." default:"5"`
	UserUploads         int            `help:"Uploads of one user at once, and of one client whose user is not known before the file; 0 for no limit." default:"3"`
	MaxCalls            int            `help:"Calls under way at once; more are refused with 503 at once, the less important ones from seven tenths of it. 0 for no limit." default:"1024"`
	MaxUploads          int            `help:"Uploads under way at once; 0 for no limit." default:"128"`
	MaxAnonymousUploads int            `help:"Uploads under way at once whose token does not come before the file; they may have 1 MiB. 0 for no limit." default:"8"`
	MaxStreams          int            `help:"Push streams and downloads under way at once; 0 for no limit." default:"5000"`
	SessionRecheck      time.Duration  `help:"How long a verified session is believed before it is asked for again; a logout is noticed by then." default:"3s"`

	// ClientPasswords keeps one client from filling the queue of hashing.
	ClientPasswords int `help:"Logins, registrations and changes of a password of one client under way at once; more are refused with 10009. 0 for no limit." default:"8"`

	// Web serves the page that people open, at /.
	Web bool `help:"Serve the web client at /." default:"true" negatable:""`
}

// documented are the limits that the documentation tells clients.
func (s Settings) documented() openapi.Limits {
	return openapi.Limits{
		UploadBytes:  s.MaxUploadBytes,
		Action:       openapi.Rate{Burst: s.ActionBurst, PerSecond: s.ActionRate},
		Login:        openapi.Rate{Burst: s.LoginBurst, PerSecond: s.LoginRate},
		Registration: openapi.Rate{Burst: s.RegisterBurst, PerSecond: s.RegisterRate},
		Views:        openapi.Rate{Burst: s.ViewBurst, PerSecond: s.ViewRate},
	}
}

// Gateway implements the public API by asking the domain services.
type Gateway struct {
	Deps
	sessions  *sessions
	admission *admission
	pace      pace.Pace
	reads     reads
	optional  optionals
	// spoolFile makes a file without a name for an upload.
	spoolFile func() (*os.File, error)

	// streams ends when the process drains, and with it every push stream.
	streams    context.Context
	endStreams context.CancelFunc
}

// New returns a gateway.
func New(d Deps) *Gateway {
	if d.Policies == nil {
		d.Policies, _ = policy.Read() // without the RPC that declares too little, which is refused
	}
	g := &Gateway{Deps: d, admission: newAdmission(d.Settings, d.Policies, d.Meters), pace: pace.Default, sessions: newSessions(d.User, d.Now, d.Settings.SessionRecheck), reads: newReads(d), spoolFile: namelessFile}
	g.streams, g.endStreams = context.WithCancel(context.Background())
	return g
}

func (g *Gateway) origins() rest.Origins {
	return rest.Origins{PublicURL: g.Settings.PublicURL, Proxies: g.Settings.TrustedProxies}
}
