package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"

	"connectrpc.com/connect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

const (
	// publishProcedure is the RPC that POST /douyin/publish/action stands for.
	publishProcedure = "/douyin.api.v1.UploadService/PublishVideo"
	// uploadChunk is how much of a file one message carries.
	uploadChunk = 256 << 10
	// maxFieldBytes bounds a field beside the file.
	maxFieldBytes = 16 << 10
	// maxParts bounds the parts of a form: as many as a request may have parameters.
	maxParts = 64
	// maxAnonymousFile is how much of a file is kept for a client that sends its
	// token later, in bytes.
	maxAnonymousFile = 1 << 20
)

// publish answers POST /douyin/publish/action. The form's parts come in any
// order and the token may be the last, so the file waits on disk, never in
// memory, until everything is known.
func (g *Gateway) publish(w http.ResponseWriter, r *http.Request) {
	res, err := g.publishForm(r)
	if err != nil {
		answerRefusal(r.Context(), w, err)
		return
	}
	answerMessage(r.Context(), w, res)
}

// upload is a form that was read.
type upload struct {
	token, title, key string
	file              *os.File
	size              int64
	leave             func() // gives back its place; nil before the file
}

func (u *upload) close() {
	if u.file != nil {
		_ = u.file.Close()
	}
	if u.leave != nil {
		u.leave()
	}
}

func (g *Gateway) publishForm(r *http.Request) (*apiv1.PublishVideoResponse, error) {
	ctx := r.Context()
	u := &upload{
		token: TokenFrom(ctx), title: r.URL.Query().Get("title"), key: r.Header.Get("Idempotency-Key"),
	}
	defer u.close()
	if u.token != "" { // refuse before the bytes come, where that is possible
		if _, err := g.sessions.admit(ctx, u.token, rpc.AccessViewer); err != nil {
			return nil, err
		}
	}
	if err := g.readForm(r, u); err != nil {
		return nil, err
	}
	ctx, err := g.sessions.admit(ctx, u.token, rpc.AccessViewer)
	if err != nil {
		return nil, err
	}
	if u.file == nil || u.size == 0 {
		return nil, fault.Invalid("data", "must be a file that is not empty")
	}
	if err := g.allow(ctx, publishProcedure); err != nil {
		return nil, err
	}
	return g.send(ctx, u)
}

// readForm reads the parts. Empty fields do not replace what the query said.
func (g *Gateway) readForm(r *http.Request, u *upload) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return fault.Invalid("data", "must be sent as multipart/form-data")
	}
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.Invalid("data", "ended in the middle of the form").Because(err)
		}
		if err := g.readPart(r.Context(), part, u); err != nil {
			return err
		}
	}
	return fault.Invalid("data", "comes with too many parts")
}

func (g *Gateway) readPart(ctx context.Context, part *multipart.Part, u *upload) error {
	defer func() { _ = part.Close() }()
	var field *string
	switch part.FormName() {
	case "data":
		return g.spool(ctx, part, u)
	case "token":
		field = &u.token
	case "title":
		field = &u.title
	case "idempotency_key":
		field = &u.key
	default:
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
	if err != nil {
		return fault.Invalid(part.FormName(), "ended in the middle").Because(err)
	}
	if len(b) > maxFieldBytes {
		return fault.Invalid(part.FormName(), "is too long")
	}
	if *field == "" {
		*field = string(b)
	}
	return nil
}

// spool keeps the file in a temporary file that has no name any more: it is
// gone when it is closed, also by a crash.
func (g *Gateway) spool(ctx context.Context, part io.Reader, u *upload) error {
	if u.file != nil {
		return fault.Invalid("data", "must be one file")
	}
	limit := g.Settings.MaxUploadBytes
	if u.token == "" {
		limit = min(limit, maxAnonymousFile)
	} else {
		var err error
		if ctx, err = g.sessions.admit(ctx, u.token, rpc.AccessViewer); err != nil {
			return err
		}
	}
	leave, err := g.admission.enterUpload(ctx)
	if err != nil {
		return err
	}
	u.leave = leave
	f, err := os.CreateTemp("", "douyin-upload-*")
	if err != nil {
		return fmt.Errorf("spool upload: %w", err)
	}
	u.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("spool upload: %w", err)
	}
	u.size, err = io.Copy(f, io.LimitReader(part, limit+1))
	if err != nil {
		return fault.Invalid("data", "ended in the middle").Because(err)
	}
	if u.size > g.Settings.MaxUploadBytes {
		return fault.New(connect.CodeResourceExhausted, "data is too large").For(videov1.ErrorReason_ERROR_REASON_FILE_TOO_LARGE)
	}
	if u.size > limit {
		return fault.Invalid("token", "must come before a file larger than 1 MiB: in the query, a header or an earlier part")
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// send streams the file to the video service.
func (g *Gateway) send(ctx context.Context, u *upload) (*apiv1.PublishVideoResponse, error) {
	stream, err := g.Video.PublishVideo(ctx)
	if err != nil {
		return nil, err
	}
	header := &videov1.PublishVideoHeader{Title: u.title, IdempotencyKey: u.key}
	err = stream.Send(&videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Header{Header: header}})
	buf := make([]byte, uploadChunk)
	for err == nil {
		var n int
		if n, err = io.ReadFull(u.file, buf); n > 0 {
			if sendErr := stream.Send(chunk(buf[:n])); sendErr != nil {
				err = sendErr
			}
		}
	}
	// Send fails with EOF when the service has answered already; its answer says why.
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return g.published(ctx, stream)
}

func chunk(b []byte) *videov1.PublishVideoRequest {
	return &videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Chunk{Chunk: b}}
}

// published ends an upload and hydrates what was stored.
func (g *Gateway) published(ctx context.Context, stream *connect.ClientStreamForClientSimple[videov1.PublishVideoRequest, videov1.PublishVideoResponse]) (*apiv1.PublishVideoResponse, error) {
	res, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	v := res.GetVideo()
	author, err := g.user(ctx, v.GetAuthorId())
	if err != nil { // stored all the same
		author = &apiv1.User{Id: v.GetAuthorId()}
	}
	return &apiv1.PublishVideoResponse{Video: publicVideo(baseURL(ctx), v, author)}, nil
}

// PublishVideo is the same over Connect and gRPC: parts pass through as they come.
func (g *Gateway) PublishVideo(ctx context.Context, in *connect.ClientStream[apiv1.PublishVideoRequest]) (*apiv1.PublishVideoResponse, error) {
	out, err := g.Video.PublishVideo(ctx)
	if err != nil {
		return nil, err
	}
	for in.Receive() {
		var part *videov1.PublishVideoRequest
		switch p := in.Msg().GetPart().(type) {
		case *apiv1.PublishVideoRequest_Header:
			part = &videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Header{Header: &videov1.PublishVideoHeader{
				Title: p.Header.GetTitle(), IdempotencyKey: p.Header.GetIdempotencyKey(),
			}}}
		case *apiv1.PublishVideoRequest_Chunk:
			part = chunk(p.Chunk)
		default:
			return nil, fault.Invalid("part", "must be a header or a chunk")
		}
		if err := out.Send(part); err != nil {
			break
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	return g.published(ctx, out)
}
