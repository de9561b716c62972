package rest

import (
	"bytes"
	"errors"
	"slices"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

// sharedPage is a feed as JSON, as a client without a viewer gets it, and where
// in it stands what differs from viewer to viewer. Callers share it and none
// changes it.
type sharedPage struct {
	body    []byte
	videos  []int64
	authors []int64       // without repetition
	fields  []viewerField // in the order of the body
}

// viewerField is one of the values that differ, in the body a "false".
type viewerField struct {
	at    int
	likes bool  // of a video; otherwise follows, of an author
	id    int64 // of the video or the author
}

const (
	unset         = "false"
	followsKey    = `"is_follow":`
	likesKey      = `"is_favorite":`
	commonPrefix  = `"is_f` // of both keys
	likesUnset    = likesKey + unset
	followsUnset  = followsKey + unset
	fieldsOfVideo = 2 // its author's and its own
)

var errNotAPage = errors.New("written feed does not show its videos")

// newSharedPage finds the viewer fields of a body that shows the videos: for
// each its author's and then its own. What it looks for can only be keys,
// because a quote inside of a text is written \".
func newSharedPage(body []byte, videos []*apiv1.Video) (*sharedPage, error) {
	p := &sharedPage{body: body, fields: make([]viewerField, 0, fieldsOfVideo*len(videos))}
	from := 0
	for {
		n := bytes.Index(body[from:], []byte(commonPrefix))
		if n < 0 {
			break
		}
		from += n
		key := len(followsKey)
		likes := bytes.HasPrefix(body[from:], []byte(likesUnset))
		switch {
		case likes:
			key = len(likesKey)
		case !bytes.HasPrefix(body[from:], []byte(followsUnset)):
			from += len(commonPrefix)
			continue
		}
		from += key
		p.fields = append(p.fields, viewerField{at: from, likes: likes})
	}
	return p, p.setIDs(videos)
}

// setIDs says of which video or author each field is.
func (p *sharedPage) setIDs(videos []*apiv1.Video) error {
	if len(p.fields) != fieldsOfVideo*len(videos) {
		return errNotAPage
	}
	p.videos, p.authors = make([]int64, 0, len(videos)), make([]int64, 0, len(videos))
	seen := make(map[int64]bool, len(videos))
	for i, v := range videos {
		author, own := &p.fields[fieldsOfVideo*i], &p.fields[fieldsOfVideo*i+1]
		if author.likes || !own.likes || v.GetAuthor() == nil {
			return errNotAPage
		}
		author.id, own.id = v.GetAuthor().GetId(), v.GetId()
		p.videos = append(p.videos, own.id)
		if !seen[author.id] {
			seen[author.id] = true
			p.authors = append(p.authors, author.id)
		}
	}
	return nil
}

// appendFor appends the page to dst as a viewer sees it who likes and follows these.
func (p *sharedPage) appendFor(dst []byte, liked, followed []int64) []byte {
	from := 0
	for _, f := range p.fields {
		of := followed
		if f.likes {
			of = liked
		}
		if slices.Contains(of, f.id) {
			dst = append(dst, p.body[from:f.at]...)
			dst = append(dst, "true"...)
			from = f.at + len(unset)
		}
	}
	return append(dst, p.body[from:]...)
}
