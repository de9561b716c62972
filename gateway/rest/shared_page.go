package rest

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

// The viewer fields: those whose value differs from viewer to viewer.
const (
	followsField protoreflect.FullName = "douyin.api.v1.User.is_follow"
	likesField   protoreflect.FullName = "douyin.api.v1.Video.is_favorite"
)

// sharedPage is a feed as JSON, as a client without a viewer gets it, and where
// in it stand the viewer fields. Callers share it and none changes it.
type sharedPage struct {
	body    []byte
	videos  []int64
	authors []int64       // without repetition
	fields  []viewerField // in the order of the body
}

// viewerField is a value of a viewer field, in the body a "false": the page is made
// without a viewer.
type viewerField struct {
	at    int
	likes bool  // of a video; otherwise follows, of an author
	id    int64 // of the video or the author
}

const unset = "false"

// viewerFieldOf is what the encoder found.
func viewerFieldOf(of protoreflect.Message, at int) viewerField {
	switch m := of.Interface().(type) {
	case *apiv1.Video:
		return viewerField{at: at, likes: true, id: m.GetId()}
	case *apiv1.User:
		return viewerField{at: at, id: m.GetId()}
	default: // no other message has a viewer field
		return viewerField{at: at}
	}
}

// newSharedPage is the page of a body with its viewer fields.
func newSharedPage(body []byte, fields []viewerField) *sharedPage {
	p := &sharedPage{body: body, fields: fields, videos: make([]int64, 0, len(fields)/2), authors: make([]int64, 0, len(fields)/2)}
	seen := make(map[int64]bool, len(fields)/2)
	for _, f := range fields {
		switch {
		case f.likes:
			p.videos = append(p.videos, f.id)
		case !seen[f.id]:
			seen[f.id] = true
			p.authors = append(p.authors, f.id)
		}
	}
	return p
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
