package site

import (
	"context"
	"encoding/xml"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"douyin.dev/gateway/rest"
	"douyin.dev/gateway/static"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	feedv1 "douyin.dev/gen/douyin/feed/v1"
)

// siteName is what pages call the platform.
const siteName = "Douyin mesh"

// API is what pages ask the public API.
type API interface {
	GetVideo(context.Context, *apiv1.GetVideoRequest) (*apiv1.GetVideoResponse, error)
	GetProfile(context.Context, *apiv1.GetProfileRequest) (*apiv1.GetProfileResponse, error)
	ListPublishedVideos(context.Context, *apiv1.ListPublishedVideosRequest) (*apiv1.ListPublishedVideosResponse, error)
}

// Feed answers the ids of the newest videos, which are all that a sitemap lists.
type Feed interface {
	ListPublicFeed(context.Context, *feedv1.ListPublicFeedRequest) (*feedv1.ListPublicFeedResponse, error)
}

// Deps is what a site is made of.
type Deps struct {
	// Files are those of the web client, with index.html.
	Files fs.FS
	// PublicURL is where pictures and videos come from besides the page's own origin;
	// empty for nowhere else.
	PublicURL string
	API       API
	Feed      Feed
	// EnterCall takes a slot for work on a procedure, or says why there is none; leave
	// gives it back.
	EnterCall func(ctx context.Context, procedure string) (leave func(), err error)
	// Unlisted reports whether search engines shall not list a video.
	Unlisted func(*apiv1.Video) bool
	Log      *slog.Logger
}

// Site answers links and the web client. It is safe for concurrent use.
type Site struct {
	deps   Deps
	client *webClient
}

// New returns a site.
func New(d Deps) (*Site, error) {
	client, err := newWebClient(d.Files, d.PublicURL)
	if err != nil {
		return nil, err
	}
	return &Site{d, client}, nil
}

// Mount serves all but what stands at no pattern of its own, which is Handler's.
func (s *Site) Mount(mount func(pattern string, h http.Handler)) {
	mount("GET "+watchPath+"{id}", http.HandlerFunc(s.watch))
	mount("GET "+embedPath+"{id}", http.HandlerFunc(s.embed))
	mount("GET "+oembedPath, http.HandlerFunc(s.oembed))
	mount("GET "+robotsPath, http.HandlerFunc(s.robots))
	mount("GET "+sitemapPath, http.HandlerFunc(s.sitemap))
	static.MountPlayerStyle(mount)
}

// Handler answers links to users and the files of the web client, and leaves all
// else to next. aroundPages goes around what asks the API, aroundFiles around what
// is in memory.
func (s *Site) Handler(aroundPages, aroundFiles func(http.Handler) http.Handler, next http.Handler) http.Handler {
	profiles, files := aroundPages(http.HandlerFunc(s.profile)), aroundFiles(s.client)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isProfileLink(r): // a pattern of ServeMux cannot say that a segment begins with an @
			profiles.ServeHTTP(w, r)
		case s.client.find(r) != nil:
			files.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// read reads what a page shows, as one of the calls under way to a procedure.
func read[T any](ctx context.Context, s *Site, procedure string, from func() (T, error)) (T, error) {
	leave, err := s.deps.EnterCall(ctx, procedure)
	if err != nil {
		var none T
		return none, err
	}
	defer leave()
	return from()
}

// oneLine returns text for places that show one line beside words of ours: white
// space is one space each, and no control turns the direction of what follows.
func oneLine(text string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(visible), " ")
}

// answerError answers a page that could not be made; no cache keeps the answer.
func answerError(w http.ResponseWriter, err error) {
	w.Header().Set("Cache-Control", "no-store")
	rest.AnswerText(w, err)
}

// answerXML sends a document that programs read.
func answerXML(w http.ResponseWriter, r *http.Request, mediaType string, document any) {
	body, err := xml.Marshal(document)
	if err != nil { // no value of ours fails
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Content-Length", strconv.Itoa(len(xml.Header)+len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(append([]byte(xml.Header), body...)) // a client that left needs no answer
	}
}
