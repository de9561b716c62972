package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"douyin.dev/gateway/rest"
	"douyin.dev/gateway/resumable"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

// resumableUploads answers the tus requests below /uploads/ for users that are
// logged in. What writes takes a slot of an upload.
func (g *Gateway) resumableUploads(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions { // what the server can do
		g.Uploads.ServeHTTP(w, r)
		return
	}
	ctx, leave, err := g.enterResumable(r)
	if err != nil {
		rest.AnswerText(w, err) // as tus does
		return
	}
	defer leave()
	g.Uploads.ServeHTTP(w, r.WithContext(ctx))
}

func (g *Gateway) enterResumable(r *http.Request) (ctx context.Context, leave func(), err error) {
	token := cmp.Or(rest.HeaderToken(r.Header), r.URL.Query().Get(rest.TokenParam))
	if ctx, err = g.sessions.admit(r.Context(), token, rpc.AccessViewer); err != nil {
		return nil, nil, err
	}
	switch r.Method {
	case http.MethodPost:
		if err := g.allow(ctx, publishProcedure); err != nil {
			return nil, nil, err
		}
	case http.MethodPatch:
	default:
		return ctx, func() {}, nil
	}
	leave, err = g.admission.enterUpload(ctx)
	return ctx, leave, err
}

// viewerOf is the user who makes a call, or 0.
func viewerOf(ctx context.Context) int64 {
	viewer, _ := auth.ViewerFrom(ctx)
	return viewer.UserID
}

// notPlayable reports whether the video service refused a file for what it is.
func notPlayable(err error) bool {
	return fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_NOT_PLAYABLE) ||
		fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_FILE_TOO_LARGE)
}

// publishUploaded publishes a complete resumable upload of the viewer's.
func (g *Gateway) publishUploaded(ctx context.Context, id string, header *videov1.PublishVideoHeader) (*apiv1.PublishVideoResponse, error) {
	header.IdempotencyKey = cmp.Or(header.GetIdempotencyKey(), resumable.IdempotencyKey(id))
	var made *videov1.Video
	videoID, err := g.Uploads.Publish(ctx, viewerOf(ctx), id, func(file io.Reader) (int64, error) {
		s, err := g.openSender(ctx, header)
		if err != nil {
			return 0, err
		}
		if err := s.copy(make([]byte, uploadChunk), 0, storedFile{file}); err != nil {
			return 0, err
		}
		res, err := s.stream.CloseAndReceive()
		if err != nil {
			return 0, err
		}
		made = res.GetVideo()
		return made.GetId(), nil
	})
	if err == nil && made == nil { // it was published before
		made, err = g.visibleVideo(ctx, videoID)
	}
	if err != nil {
		return nil, err
	}
	return g.publishedVideo(ctx, made)
}

// storedFile is a file of an upload that is stored here. Its errors are faults.
type storedFile struct{ io.Reader }

// Read implements io.Reader.
func (f storedFile) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fault.Unavailable(fmt.Errorf("read upload: %w", err))
	}
	return n, err
}
