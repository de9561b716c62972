package site

import (
	"context"
	"encoding/xml"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
)

// Links to people: /@{name} is the web client with the user's description in its
// head, and /@{name}/feed.atom lists the user's newest videos for readers of
// feeds (RFC 4287). A name may hold any character but for those nobody sees.

const (
	profilePath   = "/@"
	atomFile      = "feed.atom"
	atomMediaType = "application/atom+xml; charset=utf-8"
	// atomEntries is how many videos a feed lists.
	atomEntries = 30
)

// isProfileLink reports whether a request asks for a link to a person.
func isProfileLink(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.HasPrefix(r.URL.Path, profilePath)
}

// linkedProfile is what a link's page says of a user. Everything is text; the
// template escapes it for where it stands.
type linkedProfile struct {
	ID                          int64
	Name, Signature             string
	PageURL, AtomURL, AvatarURL string
	Followers                   int64
}

// Description is the sentence below the name in a preview.
func (p linkedProfile) Description() string {
	if p.Signature != "" {
		return p.Signature
	}
	return "Videos by @" + p.Name + " on " + siteName
}

// JSONLD describes the page as a ProfilePage of schema.org.
func (p linkedProfile) JSONLD() map[string]any {
	return map[string]any{
		"@context": "https://schema.org", "@type": "ProfilePage", "url": p.PageURL,
		"mainEntity": map[string]any{
			"@type": "Person", "name": p.Name, "identifier": strconv.FormatInt(p.ID, 10), "description": p.Description(), "image": p.AvatarURL,
			"interactionStatistic": map[string]any{
				"@type": "InteractionCounter", "interactionType": "https://schema.org/FollowAction", "userInteractionCount": p.Followers,
			},
		},
	}
}

// profileHeadTemplate stands in place of the title of the web client's index.html.
var profileHeadTemplate = template.Must(template.New("profile head").Parse(`<title>@{{.Name}} · ` + siteName + `</title>
    <meta name="description" content="{{.Description}}" />
    <link rel="canonical" href="{{.PageURL}}" />
    <link rel="alternate" type="application/atom+xml" href="{{.AtomURL}}" title="@{{.Name}}" />
    <meta property="og:site_name" content="` + siteName + `" />
    <meta property="og:type" content="profile" />
    <meta property="og:title" content="@{{.Name}}" />
    <meta property="og:description" content="{{.Description}}" />
    <meta property="og:url" content="{{.PageURL}}" />
    <meta property="og:image" content="{{.AvatarURL}}" />
    <meta name="twitter:card" content="summary" />
    <script type="application/ld+json">{{.JSONLD}}</script>`))

func newLinkedProfile(base string, u *apiv1.User) linkedProfile {
	page := base + profilePath + url.PathEscape(u.GetName())
	return linkedProfile{
		ID: u.GetId(), Name: oneLine(u.GetName()), Signature: oneLine(u.GetSignature()),
		PageURL: page, AtomURL: page + "/" + atomFile, AvatarURL: u.GetAvatar(),
		Followers: u.GetFollowerCount(),
	}
}

// profile answers /@{name} and /@{name}/feed.atom.
func (s *Site) profile(w http.ResponseWriter, r *http.Request) {
	escaped, file, isFile := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), profilePath), "/")
	name, err := url.PathUnescape(escaped)
	if err != nil || name == "" || isFile && file != atomFile {
		s.client.answer(w, r, http.StatusNotFound, s.client.index.plain)
		return
	}
	if isFile {
		s.atom(w, r, name)
		return
	}
	profile, err := s.userNamed(r.Context(), name)
	s.describe(w, r, profileHeadTemplate, profile, err)
}

// userNamed reads what is said of a user, as anybody sees it.
func (s *Site) userNamed(ctx context.Context, name string) (linkedProfile, error) {
	return read(ctx, s, apiv1connect.UserServiceGetProfileProcedure, func() (linkedProfile, error) {
		res, err := s.deps.API.GetProfile(ctx, &apiv1.GetProfileRequest{Name: name})
		if err != nil {
			return linkedProfile{}, err
		}
		return newLinkedProfile(rest.BaseURL(ctx), res.GetUser()), nil
	})
}

// atomFeed is a feed document of RFC 4287.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Icon    string      `xml:"icon"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomEntry struct {
	ID        string     `xml:"id"`
	Title     string     `xml:"title"`
	Published string     `xml:"published"`
	Updated   string     `xml:"updated"`
	Links     []atomLink `xml:"link"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr,omitempty"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

// atom answers the newest videos of a user as a feed.
func (s *Site) atom(w http.ResponseWriter, r *http.Request, name string) {
	profile, videos, err := s.newestOf(r.Context(), name)
	if err != nil {
		answerError(w, err)
		return
	}
	answerXML(w, r, atomMediaType, s.newAtomFeed(rest.BaseURL(r.Context()), profile, videos))
}

// newestOf reads a user and the user's newest videos, as anybody sees them.
func (s *Site) newestOf(ctx context.Context, name string) (linkedProfile, []*apiv1.Video, error) {
	profile, err := s.userNamed(ctx, name)
	if err != nil {
		return linkedProfile{}, nil, err
	}
	list, err := read(ctx, s, apiv1connect.UserServiceGetProfileProcedure, func() (*apiv1.ListPublishedVideosResponse, error) {
		return s.deps.API.ListPublishedVideos(ctx, &apiv1.ListPublishedVideosRequest{UserId: profile.ID, PageSize: atomEntries})
	})
	return profile, list.GetVideoList(), err
}

// newAtomFeed is as old as its newest video; one without videos has never changed.
func (s *Site) newAtomFeed(base string, p linkedProfile, videos []*apiv1.Video) atomFeed {
	feed := atomFeed{
		ID: base + "/u/" + strconv.FormatInt(p.ID, 10), Title: "@" + p.Name, Author: p.Name, Icon: p.AvatarURL, Updated: atomTime(0),
		Links: []atomLink{{Rel: "self", Type: "application/atom+xml", Href: p.AtomURL}, {Rel: "alternate", Type: "text/html", Href: p.PageURL}},
	}
	for i, v := range videos {
		video := s.newLinkedVideo(base, v)
		if i == 0 {
			feed.Updated = atomTime(v.GetCreateTime())
		}
		feed.Entries = append(feed.Entries, atomEntry{
			ID: video.PageURL, Title: video.Title, Published: atomTime(v.GetCreateTime()), Updated: atomTime(v.GetCreateTime()),
			Links: []atomLink{
				{Rel: "alternate", Type: "text/html", Href: video.PageURL},
				{Rel: "enclosure", Type: "video/mp4", Href: video.PlayURL},
			},
		})
	}
	return feed
}

// atomTime is a time in Unix milliseconds as RFC 4287 has it.
func atomTime(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
