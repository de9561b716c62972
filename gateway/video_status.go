package gateway

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"douyin.dev/gateway/policy"
	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pause"
)

const (
	stateUploading = "uploading"
	// uploadPoll is the pause between two looks at an upload that is watched.
	uploadPoll = time.Second
	// uploadKeepalive is after how many looks without a change a sign of life is sent.
	uploadKeepalive = 15
)

// GetVideoStatus answers how far a video of the caller is.
func (g *Gateway) GetVideoStatus(ctx context.Context, req *apiv1.GetVideoStatusRequest) (*apiv1.GetVideoStatusResponse, error) {
	videoID, uploading, err := g.watched(ctx, req.GetVideoId(), req.GetUploadId())
	if err != nil || uploading != nil {
		return &apiv1.GetVideoStatusResponse{Status: uploading}, err
	}
	res, err := g.Video.GetVideoStatus(ctx, &videov1.GetVideoStatusRequest{VideoId: videoID})
	if err != nil {
		return nil, err
	}
	return &apiv1.GetVideoStatusResponse{Status: publicStatus(videoID, res.GetStatus())}, nil
}

// watched finds the video that a request is about, or how far its upload is.
func (g *Gateway) watched(ctx context.Context, videoID int64, uploadID string) (int64, *apiv1.VideoStatus, error) {
	switch {
	case uploadID == "" && videoID == 0:
		return 0, nil, policy.Missing("video_id")
	case uploadID == "":
		return videoID, nil, nil
	case videoID != 0:
		return 0, nil, fault.Invalid("upload_id", "must not come with video_id")
	}
	progress, err := g.Uploads.Progress(ctx, viewerOf(ctx), uploadID)
	if err != nil || progress.VideoID != 0 {
		return progress.VideoID, nil, err
	}
	return 0, &apiv1.VideoStatus{State: stateUploading, Percent: progress.Percent()}, nil
}

// WatchVideoStatus pushes how far a video of the caller is over Connect and gRPC.
func (g *Gateway) WatchVideoStatus(ctx context.Context, req *apiv1.WatchVideoStatusRequest, out *connect.ServerStream[apiv1.WatchVideoStatusResponse]) error {
	return g.followStatus(ctx, req, func(st *apiv1.VideoStatus) error {
		return out.Send(&apiv1.WatchVideoStatusResponse{Status: st})
	})
}

// followStatus delivers the statuses of a video until one that changes no more by itself,
// each once, and nil for a sign of life. It ends as follow does.
func (g *Gateway) followStatus(ctx context.Context, req *apiv1.WatchVideoStatusRequest, deliver func(*apiv1.VideoStatus) error) error {
	return g.whileInSession(ctx, func(ctx context.Context) error {
		var last *apiv1.VideoStatus
		changed := func(st *apiv1.VideoStatus) error {
			if st != nil && last != nil && proto.Equal(st, last) {
				return nil
			}
			if st != nil {
				last = st
			}
			return deliver(st)
		}
		videoID, err := g.followUpload(ctx, req, changed)
		if err != nil {
			return err
		}
		return g.followVideo(ctx, videoID, changed)
	})
}

// followUpload delivers how far an upload is until it is published, and returns its video.
func (g *Gateway) followUpload(ctx context.Context, req *apiv1.WatchVideoStatusRequest, deliver func(*apiv1.VideoStatus) error) (int64, error) {
	for looks := 1; ; looks++ {
		videoID, uploading, err := g.watched(g.freshViewer(ctx), req.GetVideoId(), req.GetUploadId())
		if err != nil || uploading == nil {
			return videoID, err
		}
		if err := deliver(uploading); err != nil {
			return 0, err
		}
		if looks%uploadKeepalive == 0 {
			if err := deliver(nil); err != nil {
				return 0, err
			}
		}
		if !pause.For(ctx, uploadPoll) {
			return 0, ctx.Err()
		}
	}
}

// followVideo delivers how far a video is. When the video service goes away it begins
// again with the status there is then.
func (g *Gateway) followVideo(ctx context.Context, videoID int64, deliver func(*apiv1.VideoStatus) error) error {
	return reopen(ctx, func() opening {
		stream, err := g.Video.WatchVideoStatus(g.freshViewer(ctx), &videov1.WatchVideoStatusRequest{VideoId: videoID})
		if err != nil {
			return opening{over: true, err: err}
		}
		defer func() { _ = stream.Close() }()
		received := false
		for stream.Receive() {
			received = true
			var st *apiv1.VideoStatus
			if now := stream.Msg().GetStatus(); now != nil {
				st = publicStatus(videoID, now)
			}
			if err := deliver(st); err != nil || statusEnded(st) {
				return opening{over: true, err: err}
			}
		}
		gone := connect.CodeOf(stream.Err()) == connect.CodeNotFound
		return opening{received: received, over: gone, err: stream.Err()}
	})
}

// statusEnded reports whether a status changes no more by itself.
func statusEnded(st *apiv1.VideoStatus) bool {
	return st.GetState() == "ready" || st.GetState() == "failed"
}

// statusStream is the same as Server-Sent Events, for browsers: GET
// /douyin/publish/status/stream?token=…&video_id=…. An event's id stands for the status it
// has, so that a browser that comes back with the last one is told to stop (HTTP 204).
func (g *Gateway) statusStream(w http.ResponseWriter, r *http.Request) {
	head := r.Method == http.MethodHead
	if !head {
		leave, err := g.admission.enterStream(r.Context())
		if err != nil {
			rest.AnswerError(r.Context(), w, err)
			return
		}
		defer leave()
	}
	videoID, _ := strconv.ParseInt(r.Form.Get("video_id"), 10, 64) // the dialect has checked it
	req := &apiv1.WatchVideoStatusRequest{VideoId: videoID, UploadId: r.Form.Get("upload_id")}
	events := &statusEvents{w: w, last: r.Header.Get("Last-Event-ID")}
	if head {
		_, _, err := g.watched(r.Context(), req.GetVideoId(), req.GetUploadId())
		if err != nil {
			rest.AnswerError(r.Context(), w, err)
			return
		}
		events.begin()
		return
	}
	err := g.followStatus(r.Context(), req, func(st *apiv1.VideoStatus) error { return events.send(r.Context(), st) })
	if err != nil && !events.begun {
		rest.AnswerError(r.Context(), w, err)
	}
}

// statusEvents writes statuses as Server-Sent Events. The answer begins with the first
// one, so that a refusal before it is answered as everywhere.
type statusEvents struct {
	w     http.ResponseWriter
	last  string // id of the event that the client had last
	begun bool
}

func (e *statusEvents) begin() {
	e.begun = true
	beginEvents(e.w)
}

func (e *statusEvents) send(ctx context.Context, st *apiv1.VideoStatus) error {
	flusher := http.NewResponseController(e.w)
	var body []byte
	var id string
	if st != nil {
		var err error
		if body, err = rest.MarshalMessage(ctx, st); err != nil {
			return err
		}
		id = eventID(body)
	}
	if !e.begun {
		if statusEnded(st) && id == e.last {
			e.begun = true
			e.w.WriteHeader(http.StatusNoContent)
			return nil
		}
		e.begin()
		fmt.Fprint(e.w, eventRetry)
	}
	if st == nil {
		fmt.Fprint(e.w, ":\n\n")
		return flusher.Flush()
	}
	if id != e.last { // the client does not have it
		fmt.Fprintf(e.w, "id: %s\nevent: status\ndata: %s\n\n", id, body)
		e.last = id
	}
	return flusher.Flush()
}

// eventID stands for what an event says.
func eventID(body []byte) string {
	sum := fnv.New64a()
	_, _ = sum.Write(body)
	return strconv.FormatUint(sum.Sum64(), 36)
}

func publicStatus(videoID int64, s *videov1.TranscodeStatus) *apiv1.VideoStatus {
	out := &apiv1.VideoStatus{
		VideoId:  videoID,
		State:    strings.ToLower(nameOf(s.GetState(), "TRANSCODE_STATE_")),
		Playable: s.GetPlayable(), Percent: s.GetPercent(),
		Stage:         strings.ToLower(nameOf(s.GetStage(), "TRANSCODE_STAGE_")),
		QueuePosition: s.GetQueuePosition(),
		Reason:        nameOf(s.GetReason(), "TRANSCODE_REASON_"),
		Message:       s.GetMessage(), Retryable: s.GetRetryable(),
	}
	for _, r := range s.GetRenditions() {
		out.Renditions = append(out.Renditions, &apiv1.Rendition{
			Name: r.GetName(), Width: r.GetWidth(), Height: r.GetHeight(), Bandwidth: r.GetBandwidth(), Codecs: r.GetCodecs(),
		})
	}
	return out
}

// nameOf is an enum's value without its prefix; empty for the one that is never sent.
func nameOf(value interface {
	fmt.Stringer
	Number() protoreflect.EnumNumber
}, prefix string,
) string {
	if value.Number() == 0 {
		return ""
	}
	return strings.TrimPrefix(value.String(), prefix)
}
