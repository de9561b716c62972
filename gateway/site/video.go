package site

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"douyin.dev/gateway/rest"
	"douyin.dev/gateway/static"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	"douyin.dev/services/platform/fault"
)

// Links to videos are opened by people and read by crawlers and by pages that
// show a preview. /v/{id} is the web client with the video's description in its
// head; /embed/{id} is a player for frames of other sites; /oembed says how to
// frame it (https://oembed.com).

const (
	watchPath  = "/v/"
	embedPath  = "/embed/"
	oembedPath = "/oembed"
	// The size of the player where a page says nothing, in pixels: 9 by 16.
	embedWidth, embedHeight = 360, 640
)

// linkedVideo is what a link's page says of a video. Everything is text; the
// templates escape it for where it stands.
type linkedVideo struct {
	Title, Author                                   string
	PageURL, EmbedURL, OEmbedURL, PlayURL, CoverURL string
	Published                                       time.Time
	Likes                                           int64
	// Unlisted says that search engines shall not list the page.
	Unlisted bool
}

// Description is the sentence below the title in a preview.
func (v linkedVideo) Description() string { return "A video by @" + v.Author + " on " + siteName }

// JSONLD describes the video as a VideoObject of schema.org.
func (v linkedVideo) JSONLD() map[string]any {
	return map[string]any{
		"@context": "https://schema.org", "@type": "VideoObject",
		"name": v.Title, "description": v.Description(), "url": v.PageURL, "embedUrl": v.EmbedURL,
		"contentUrl": v.PlayURL, "thumbnailUrl": []string{v.CoverURL}, "uploadDate": v.Published.UTC().Format(time.RFC3339),
		"author": map[string]any{"@type": "Person", "name": v.Author},
		"interactionStatistic": map[string]any{
			"@type": "InteractionCounter", "interactionType": "https://schema.org/LikeAction", "userInteractionCount": v.Likes,
		},
	}
}

// headTemplate stands in place of the title of the web client's index.html.
var headTemplate = template.Must(template.New("head").Parse(`<title>{{.Title}} · @{{.Author}}</title>
    <meta name="description" content="{{.Description}}" />
    <link rel="canonical" href="{{.PageURL}}" />
    <link rel="alternate" type="application/json+oembed" href="{{.OEmbedURL}}" title="{{.Title}}" />
    <meta property="og:site_name" content="` + siteName + `" />
    <meta property="og:type" content="video.other" />
    <meta property="og:title" content="{{.Title}}" />
    <meta property="og:description" content="{{.Description}}" />
    <meta property="og:url" content="{{.PageURL}}" />
    <meta property="og:image" content="{{.CoverURL}}" />
    <meta property="og:video" content="{{.PlayURL}}" />
    <meta property="og:video:type" content="video/mp4" />
    <meta name="twitter:card" content="summary_large_image" />
    {{if .Unlisted}}<meta name="robots" content="noindex" />
    {{end}}<script type="application/ld+json">{{.JSONLD}}</script>`))

var embedTemplate = template.Must(template.New("embed").Parse(`<!doctype html>
<html>
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="robots" content="noindex" />
    <title>{{.Title}} · @{{.Author}}</title>
    <link rel="canonical" href="{{.PageURL}}" />
    <link rel="stylesheet" href="` + static.PlayerStylePath + `" />
  </head>
  <body>
    <video controls playsinline loop preload="metadata" poster="{{.CoverURL}}" src="{{.PlayURL}}" aria-label="{{.Title}}"></video>
    <a href="{{.PageURL}}" target="_blank" rel="noopener">@{{.Author}}: {{.Title}}</a>
  </body>
</html>
`))

var frameTemplate = template.Must(template.New("frame").Parse(
	`<iframe src="{{.V.EmbedURL}}" title="{{.V.Title}}" width="{{.Width}}" height="{{.Height}}" allow="fullscreen; picture-in-picture" loading="lazy"></iframe>`))

// video reads what is said of a video, as anybody sees it.
func (s *Site) video(ctx context.Context, id string) (linkedVideo, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != id {
		return linkedVideo{}, fault.NotFound("no such video")
	}
	return read(ctx, s, apiv1connect.VideoServiceGetVideoProcedure, func() (linkedVideo, error) {
		res, err := s.deps.API.GetVideo(ctx, &apiv1.GetVideoRequest{VideoId: n})
		if err != nil {
			return linkedVideo{}, err
		}
		return s.newLinkedVideo(rest.BaseURL(ctx), res.GetVideo()), nil
	})
}

func (s *Site) newLinkedVideo(base string, v *apiv1.Video) linkedVideo {
	id := strconv.FormatInt(v.GetId(), 10)
	pageURL := base + watchPath + id
	title := oneLine(v.GetTitle())
	if title == "" {
		title = siteName
	}
	return linkedVideo{
		Title: title, Author: oneLine(v.GetAuthor().GetName()),
		PageURL: pageURL, EmbedURL: base + embedPath + id, OEmbedURL: base + oembedPath + "?url=" + url.QueryEscape(pageURL),
		PlayURL: v.GetPlayUrl(), CoverURL: v.GetCoverUrl(), Published: time.UnixMilli(v.GetCreateTime()), Likes: v.GetFavoriteCount(),
		Unlisted: s.deps.Unlisted(v),
	}
}

// watch answers the web client with the video's description.
func (s *Site) watch(w http.ResponseWriter, r *http.Request) {
	video, err := s.video(r.Context(), r.PathValue("id"))
	s.describe(w, r, headTemplate, video, err)
}

// describe answers the web client with what a template says of a video or a user in
// place of its title; err is that of reading them. Where there is none the client
// says so itself; its status tells crawlers.
func (s *Site) describe(w http.ResponseWriter, r *http.Request, head *template.Template, linked any, err error) {
	if err != nil {
		s.client.answer(w, r, rest.HTTPStatus(err), s.client.index.plain)
		return
	}
	var body bytes.Buffer
	body.Write(s.client.beforeTitle)
	if err := head.Execute(&body, linked); err != nil {
		s.deps.Log.ErrorContext(r.Context(), "describe link", "error", err)
		s.client.answer(w, r, http.StatusOK, s.client.index.plain)
		return
	}
	body.Write(s.client.afterTitle)
	s.client.answer(w, r, http.StatusOK, body.Bytes())
}

// embed answers the player for frames. Every site may frame it, and nothing
// else of this origin: it has no buttons that act for who is logged in.
func (s *Site) embed(w http.ResponseWriter, r *http.Request) {
	video, err := s.video(r.Context(), r.PathValue("id"))
	if err != nil {
		answerError(w, err)
		return
	}
	var body bytes.Buffer
	if err := embedTemplate.Execute(&body, video); err != nil {
		s.deps.Log.ErrorContext(r.Context(), "make player", "error", err)
		answerError(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", embedPolicy(s.client.mediaSources))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(body.Bytes()) // a client that left needs no answer
}

func embedPolicy(media string) string {
	return fmt.Sprintf("default-src 'none'; style-src 'self'; img-src %[1]s; media-src %[1]s; base-uri 'none'; form-action 'none'; frame-ancestors *", media)
}

// oembedAnswer is a video response of oEmbed 1.0.
type oembedAnswer struct {
	Version      string `json:"version"`
	Type         string `json:"type"`
	ProviderName string `json:"provider_name"`
	Title        string `json:"title"`
	AuthorName   string `json:"author_name"`
	HTML         string `json:"html"`
	Width        int    `json:"width"`
	Height       int    `json:"height"`
}

// oembed answers how to frame the video of a link to this platform.
func (s *Site) oembed(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if format := q.Get("format"); format != "" && format != "json" {
		http.Error(w, "format: only json is there", http.StatusNotImplemented)
		return
	}
	id, ours := strings.CutPrefix(q.Get("url"), rest.BaseURL(r.Context())+watchPath)
	if !ours {
		http.Error(w, "url: is not a link to a video of this site", http.StatusNotFound)
		return
	}
	video, err := s.video(r.Context(), id)
	if err != nil {
		answerError(w, err)
		return
	}
	width, height := frameSize(q.Get("maxwidth"), q.Get("maxheight"))
	var frame strings.Builder
	if err := frameTemplate.Execute(&frame, struct {
		V             linkedVideo
		Width, Height int
	}{video, width, height}); err != nil {
		answerError(w, err)
		return
	}
	body, err := json.Marshal(oembedAnswer{
		Version: "1.0", Type: "video", ProviderName: siteName, Title: video.Title, AuthorName: video.Author,
		HTML: frame.String(), Width: width, Height: height,
	})
	if err != nil {
		answerError(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	h.Set("Access-Control-Allow-Origin", "*") // it says what everybody may read
	_, _ = w.Write(body)
}

// frameSize returns the size of the player within the bounds that a page asks
// for; a bound that is no positive number is none.
func frameSize(maxWidth, maxHeight string) (width, height int) {
	width, height = embedWidth, embedHeight
	if most, err := strconv.Atoi(maxWidth); err == nil && most > 0 && most < width {
		width, height = most, most*embedHeight/embedWidth
	}
	if most, err := strconv.Atoi(maxHeight); err == nil && most > 0 && most < height {
		width, height = most*embedWidth/embedHeight, most
	}
	return max(1, width), max(1, height)
}
