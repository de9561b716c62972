package gateway

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

// Who may see a video is the video service's to decide. Lists of an author and
// the feeds leave out on their own what no reader of theirs may see; whatever
// answers something of a video comes here (docs/decisions/019).

// visibilityOf returns what a client's word for a visibility means; unspecified
// for the empty one.
func visibilityOf(word string) (videov1.Visibility, error) {
	if word == "" {
		return videov1.Visibility_VISIBILITY_UNSPECIFIED, nil
	}
	v, known := videov1.Visibility_value["VISIBILITY_"+strings.ToUpper(word)]
	if !known || v == 0 || word != strings.ToLower(word) {
		return 0, fault.Invalid("visibility", "must be public, followers, friends, unlisted or private")
	}
	return videov1.Visibility(v), nil
}

// visibilityWords are the words for all visibilities, made once: every video of an
// answer has one.
var visibilityWords = func() map[videov1.Visibility]string {
	words := make(map[videov1.Visibility]string, len(videov1.Visibility_name))
	for n := range videov1.Visibility_name {
		v := videov1.Visibility(n)
		words[v] = strings.ToLower(nameOf(cmp.Or(v, videov1.Visibility_VISIBILITY_PUBLIC), "VISIBILITY_"))
	}
	return words
}()

// visibilityWord is the opposite of visibilityOf.
func visibilityWord(v videov1.Visibility) string { return visibilityWords[v] }

// isUnlisted reports whether a video is for those who know its link: neither
// another's list nor a search engine may lead to it.
func isUnlisted(v *apiv1.Video) bool {
	return v.GetVisibility() == visibilityWord(videov1.Visibility_VISIBILITY_UNLISTED)
}

// visible returns what was found of ids without what a viewer, 0 for a guest, may
// not see. The video service is asked where anything is restricted.
func (g *Gateway) visible(ctx context.Context, viewer int64, ids []int64, found map[int64]*videov1.Video) (map[int64]*videov1.Video, error) {
	var restricted []int64
	for _, id := range ids {
		if found[id].GetRestricted() {
			restricted = append(restricted, id)
		}
	}
	if len(restricted) == 0 {
		return found, nil
	}
	res, err := g.Video.BatchCheckVisible(ctx, &videov1.BatchCheckVisibleRequest{ViewerId: viewer, VideoIds: restricted})
	if err != nil {
		return nil, err
	}
	seen := maps.Clone(found) // others read the same
	for _, id := range restricted {
		delete(seen, id)
	}
	for _, id := range res.GetVisibleVideoIds() {
		seen[id] = found[id]
	}
	return seen, nil
}

// visibleVideo returns a video that the caller may see, or that there is none.
func (g *Gateway) visibleVideo(ctx context.Context, id int64) (*videov1.Video, error) {
	all, err := g.reads.videos.Load(ctx, []int64{id})
	if err != nil {
		return nil, err
	}
	found, err := g.visible(ctx, viewerOf(ctx), []int64{id}, all)
	if err != nil {
		return nil, err
	}
	if found[id] == nil {
		return nil, fault.NotFound("no such video").For(videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND)
	}
	return found[id], nil
}

// Players send no token with the requests for a video's files. So the URLs of a
// restricted video's files name the viewer they were answered to, and are signed
// with the video's secret: /media/as/{viewer}.{end}.{signature}/videos/…, where end
// is the hour since 1970 in which the URL ends. What a playlist names relative to
// itself is below the same prefix. Whether the viewer may see the video is asked
// for each file all the same.

const (
	signedPrefix = "as/"
	// signedHours is how long a URL is good, at least.
	signedHours = 12
)

var signedKey = regexp.MustCompile(`^as/([0-9]{1,16})\.([0-9]{1,9})\.([A-Za-z0-9_-]{43})/(videos/.+)$`)

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func mediaSignature(v *videov1.Video, viewer, end int64) string {
	mac := hmac.New(sha256.New, v.GetMediaSecret())
	fmt.Fprintf(mac, "media %d %d %d", v.GetId(), viewer, end)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// mediaURL returns the URL of an object of a video for a viewer. The URLs of an
// hour are the same, so that they are cached.
func mediaURL(base string, v *videov1.Video, viewer int64, now time.Time, key string) string {
	if !v.GetRestricted() || viewer == 0 {
		return base + mediaPrefix + key
	}
	end := hourOf(now) + signedHours + 1
	return fmt.Sprintf("%s%s%s%d.%d.%s/%s", base, mediaPrefix, signedPrefix, viewer, end, mediaSignature(v, viewer, end), key)
}

// mediaAccess is what the path of a request for media says.
type mediaAccess struct {
	key         string // of the object
	viewer, end int64
	signature   string // empty where the URL is not signed
}

func mediaAccessOf(path string) mediaAccess {
	m := signedKey.FindStringSubmatch(path)
	if m == nil {
		return mediaAccess{key: path}
	}
	viewer, _ := strconv.ParseInt(m[1], 10, 64) // digits, and few
	end, _ := strconv.ParseInt(m[2], 10, 64)
	return mediaAccess{key: m[4], viewer: viewer, end: end, signature: m[3]}
}

// admits returns the video whose object is asked for; nil where there is none
// that may be seen by whom the URL was answered to.
func (g *Gateway) admits(ctx context.Context, a mediaAccess, id int64) (*videov1.Video, error) {
	found, err := g.reads.videos.Load(ctx, []int64{id})
	if err != nil {
		return nil, err
	}
	v := found[id]
	if !v.GetRestricted() {
		return v, nil
	}
	if len(v.GetMediaSecret()) == 0 || a.end <= hourOf(g.Now()) || !hmac.Equal([]byte(a.signature), []byte(mediaSignature(v, a.viewer, a.end))) {
		return nil, nil
	}
	found, err = g.visible(ctx, a.viewer, []int64{id}, found)
	return found[id], err
}
