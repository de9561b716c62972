package site

import (
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

// profileServer is a site with a user of the name and signature, as clients reach it.
func profileServer(t *testing.T, name, signature string) *httptest.Server {
	t.Helper()
	return serve(t, library{user: &apiv1.User{Id: 100, Name: name, Signature: signature}, title: hostileTitle})
}

func TestALinkSaysWhoTheUserIs(t *testing.T) {
	t.Parallel()
	server := profileServer(t, "Ada 林", "Lakes and trains")
	res, body := getLink(t, server.URL+"/@ada%20%E6%9E%97")
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("%s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	address := server.URL + "/@Ada%20%E6%9E%97"
	for _, want := range []string{
		"<title>@Ada 林 · Douyin mesh</title>",
		`<meta property="og:title" content="@Ada 林" />`,
		`<meta property="og:description" content="Lakes and trains" />`,
		`<link rel="canonical" href="` + address + `" />`,
		`<link rel="alternate" type="application/atom+xml" href="` + address + `/feed.atom" title="@Ada 林" />`,
		`"@type":"ProfilePage"`,
		`<script type="module"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestALinkToNobodyIsNotFound(t *testing.T) {
	t.Parallel()
	server := profileServer(t, "ada", "")
	for _, path := range []string{"/@", "/@bob", "/@bob/feed.atom", "/@ada/", "/@ada/other", "/@ada/feed.atom/x", "/@%2f"} {
		if res, _ := getLink(t, server.URL+path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	res, err := http.Post(server.URL+"/@ada", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusOK && strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Error("a POST to a link is answered with the page")
	}
}

func TestWhatAUserWroteIsTextInALinksPage(t *testing.T) {
	t.Parallel()
	server := profileServer(t, "a/<b>", hostileTitle)
	res, body := getLink(t, server.URL+"/@a%2F%3Cb%3E")
	if res.StatusCode != http.StatusOK || strings.Contains(body, "<script>alert") || strings.Contains(body, "<b>") {
		t.Errorf("%s: %s", res.Status, body)
	}
	if !strings.Contains(body, server.URL+"/@a%2F%3Cb%3E/feed.atom") {
		t.Error("a slash of the name leaves its place in the feed's address")
	}
}

func TestAFeedListsTheNewestVideos(t *testing.T) {
	t.Parallel()
	server := profileServer(t, "ada", "")
	res, body := getLink(t, server.URL+"/@ada/feed.atom")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != atomMediaType {
		t.Fatalf("%s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	var feed atomFeed
	if err := xml.Unmarshal([]byte(body), &feed); err != nil {
		t.Fatal(err)
	}
	entry := func(id int, title string) atomEntry {
		page := fmt.Sprintf("%s/v/%d", server.URL, id)
		return atomEntry{
			ID: page, Title: title, Published: "2026-01-01T00:00:00Z", Updated: "2026-01-01T00:00:00Z",
			Links: []atomLink{
				{Rel: "alternate", Type: "text/html", Href: page},
				{Rel: "enclosure", Type: "video/mp4", Href: fmt.Sprintf("%s/media/videos/%d/original.mp4", server.URL, id)},
			},
		}
	}
	second := entry(1001, "A day at the lake, 湖边的一天")
	second.Published, second.Updated = "2025-12-31T23:59:59Z", "2025-12-31T23:59:59Z"
	if diff := cmp.Diff([]atomEntry{entry(1000, oneLine(strings.ReplaceAll(hostileTitle, "\x00", ""))), second}, feed.Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if feed.Title != "@ada" || feed.Author != "ada" || feed.Updated != "2026-01-01T00:00:00Z" || feed.Links[0].Href != server.URL+"/@ada/feed.atom" {
		t.Errorf("%+v", feed)
	}
}

func TestCrawlersAreToldWhereVideosAre(t *testing.T) {
	t.Parallel()
	server := profileServer(t, "ada", "")
	_, robots := getLink(t, server.URL+"/robots.txt")
	if !strings.Contains(robots, "Sitemap: "+server.URL+"/sitemap.xml\n") || !strings.Contains(robots, "Disallow: /douyin/\n") {
		t.Errorf("robots.txt: %s", robots)
	}
	res, body := getLink(t, server.URL+"/sitemap.xml")
	var document sitemapDocument
	if err := xml.Unmarshal([]byte(body), &document); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", res.Status, err)
	}
	if want := (sitemapEntry{Address: server.URL + "/v/1000", Modified: "2026-01-01T00:00:00Z"}); document.Entries[1] != want {
		t.Errorf("%+v, want %+v", document.Entries[1], want)
	}
	if res.Header.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(html.UnescapeString(body), "\x00") {
		t.Errorf("%v", res.Header)
	}
}
