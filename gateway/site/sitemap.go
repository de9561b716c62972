package site

import (
	"context"
	"encoding/xml"
	"net/http"
	"strconv"

	"douyin.dev/gateway/rest"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	feedv1 "douyin.dev/gen/douyin/feed/v1"
)

// What crawlers ask for first: robots.txt says where they need not look, and
// sitemap.xml (https://www.sitemaps.org) lists the newest videos.

const (
	robotsPath  = "/robots.txt"
	sitemapPath = "/sitemap.xml"
	// sitemapPages bounds the pages of the feed that a sitemap lists; a page has 30 videos.
	sitemapPages = 10
)

// robots answers what crawlers may read.
func (s *Site) robots(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /douyin/\nDisallow: /uploads/\nSitemap: " + rest.BaseURL(r.Context()) + sitemapPath + "\n")) // a client that left needs no answer
}

// sitemapDocument is a urlset of the sitemap protocol, version 0.9.
type sitemapDocument struct {
	XMLName xml.Name       `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
	Entries []sitemapEntry `xml:"url"`
}

type sitemapEntry struct {
	Address  string `xml:"loc"`
	Modified string `xml:"lastmod,omitempty"`
}

// sitemap answers the addresses of the newest videos.
func (s *Site) sitemap(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	document, err := read(ctx, s, apiv1connect.FeedServiceGetFeedProcedure, func() (sitemapDocument, error) { return s.newestAddresses(ctx) })
	if err != nil {
		answerError(w, err)
		return
	}
	answerXML(w, r, "application/xml; charset=utf-8", document)
}

func (s *Site) newestAddresses(ctx context.Context) (sitemapDocument, error) {
	base := rest.BaseURL(ctx)
	document := sitemapDocument{Entries: []sitemapEntry{{Address: base + "/"}}}
	var before int64
	for range sitemapPages {
		page, err := s.deps.Feed.ListPublicFeed(ctx, &feedv1.ListPublicFeedRequest{BeforeMs: before})
		if err != nil {
			return sitemapDocument{}, err
		}
		if len(page.GetEntries()) == 0 {
			break
		}
		for _, e := range page.GetEntries() {
			document.Entries = append(document.Entries, sitemapEntry{
				Address: base + watchPath + strconv.FormatInt(e.GetVideoId(), 10), Modified: atomTime(e.GetPublishedAtMs()),
			})
			before = e.GetPublishedAtMs()
		}
	}
	return document, nil
}
