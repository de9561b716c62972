package gateway

import (
	"bytes"
	"errors"
	"slices"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

// writtenPage is a feed as JSON, as anybody gets it, and where in it stands
// what differs from viewer to viewer. Readers share it and change nothing.
type writtenPage struct {
	body    []byte
	videos  []int64
	authors []int64 // without repetition
	marks   []mark  // in the order of the body
}

// mark is one of the values that differ, in the body a "false".
type mark struct {
	at    int
	likes bool  // of a video; otherwise follows, of an author
	id    int64 // of the video or the author
}

const (
	unmarked    = "false"
	followsKey  = `"is_follow":`
	likesKey    = `"is_favorite":`
	markPrefix  = `"is_f` // of both
	likesMark   = likesKey + unmarked
	followsMark = followsKey + unmarked
)

var errNotAPage = errors.New("written feed does not show its videos")

// newWrittenPage finds the marks of a body that shows the videos: for each the
// author's and then its own. What it looks for can only be keys, because a
// quote inside of a text is written \".
func newWrittenPage(body []byte, videos []*apiv1.Video) (*writtenPage, error) {
	p := &writtenPage{body: body, marks: make([]mark, 0, 2*len(videos))}
	p.videos, p.authors = subjects(videos)
	from := 0
	for {
		n := bytes.Index(body[from:], []byte(markPrefix))
		if n < 0 {
			break
		}
		from += n
		key := len(followsKey)
		likes := bytes.HasPrefix(body[from:], []byte(likesMark))
		switch {
		case likes:
			key = len(likesKey)
		case !bytes.HasPrefix(body[from:], []byte(followsMark)):
			from += len(markPrefix)
			continue
		}
		from += key
		p.marks = append(p.marks, mark{at: from, likes: likes})
	}
	return p, p.name(videos)
}

// name says whose the marks are.
func (p *writtenPage) name(videos []*apiv1.Video) error {
	if len(p.marks) != 2*len(videos) {
		return errNotAPage
	}
	for i, v := range videos {
		author, own := &p.marks[2*i], &p.marks[2*i+1]
		if author.likes || !own.likes || v.GetAuthor() == nil {
			return errNotAPage
		}
		author.id, own.id = v.GetAuthor().GetId(), v.GetId()
	}
	return nil
}

// marked appends the page to dst as a viewer sees it who likes and follows these.
func (p *writtenPage) marked(dst []byte, liked, followed []int64) []byte {
	from := 0
	for _, m := range p.marks {
		of := followed
		if m.likes {
			of = liked
		}
		if slices.Contains(of, m.id) {
			dst = append(dst, p.body[from:m.at]...)
			dst = append(dst, "true"...)
			from = m.at + len(unmarked)
		}
	}
	return append(dst, p.body[from:]...)
}
