package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"douyin.dev/gateway/gatewaytest"
	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/fault"
)

func TestStatusIsSaidInTheWordsOfTheContract(t *testing.T) {
	t.Parallel()
	inside := &videov1.TranscodeStatus{
		State: videov1.TranscodeState_TRANSCODE_STATE_PROCESSING, Playable: true, Percent: 40,
		Stage: videov1.TranscodeStage_TRANSCODE_STAGE_ENCODE, QueuePosition: 3, Retryable: true,
		Reason: videov1.TranscodeReason_TRANSCODE_REASON_NO_PICTURE, Message: "m",
		Renditions: []*videov1.Rendition{{Name: "360p", Width: 360, Height: 640, Bandwidth: 1, Codecs: "c"}},
	}
	want := &apiv1.VideoStatus{
		VideoId: 5, State: "processing", Playable: true, Percent: 40, Stage: "encode", QueuePosition: 3, Retryable: true,
		Reason: "NO_PICTURE", Message: "m",
		Renditions: []*apiv1.Rendition{{Name: "360p", Width: 360, Height: 640, Bandwidth: 1, Codecs: "c"}},
	}
	if diff := cmp.Diff(want, publicStatus(5, inside), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := publicStatus(5, &videov1.TranscodeStatus{}); got.GetStage() != "" || got.GetReason() != "" {
		t.Errorf("nothing is said as %v", got)
	}
}

// watchedVideos is a video service whose streams each play a script.
type watchedVideos struct {
	videov1connect.UnimplementedVideoServiceHandler
	scripts chan []*videov1.TranscodeStatus
	end     error // of each stream; nil leaves it to its client
}

func (v *watchedVideos) WatchVideoStatus(ctx context.Context, _ *videov1.WatchVideoStatusRequest, out *connect.ServerStream[videov1.WatchVideoStatusResponse]) error {
	select {
	case script := <-v.scripts:
		for _, st := range script {
			if err := out.Send(&videov1.WatchVideoStatusResponse{Status: st}); err != nil {
				return err
			}
		}
	default:
	}
	if v.end != nil {
		return fault.ToWire(v.end)
	}
	<-ctx.Done()
	return ctx.Err()
}

func step(state videov1.TranscodeState, percent int32) *videov1.TranscodeStatus {
	return &videov1.TranscodeStatus{State: state, Percent: percent}
}

const (
	queued     = videov1.TranscodeState_TRANSCODE_STATE_QUEUED
	processing = videov1.TranscodeState_TRANSCODE_STATE_PROCESSING
	ready      = videov1.TranscodeState_TRANSCODE_STATE_READY
)

// watchingGateway is the REST face in front of streams that play scripts.
func watchingGateway(t *testing.T, end error, scripts ...[]*videov1.TranscodeStatus) *http.Client {
	t.Helper()
	videos := &watchedVideos{scripts: make(chan []*videov1.TranscodeStatus, len(scripts)), end: end}
	for _, s := range scripts {
		videos.scripts <- s
	}
	mux := http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(&logins{}))
	mux.Handle(videov1connect.NewVideoServiceHandler(videos))
	mesh := serveMesh(t, mux)
	g := New(Deps{
		User: userv1connect.NewUserServiceClient(mesh, "http://user"), Video: videov1connect.NewVideoServiceClient(mesh, "http://video"),
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Settings: Settings{SessionRecheck: time.Hour, UserStreams: 1},
	})
	api, err := g.restHandler(rest.Signals{})
	if err != nil {
		t.Fatal(err)
	}
	return gatewaytest.Serve(t, api)
}

const statusEventsPath = "/douyin/publish/status/stream/?video_id=9&token=t"

// statusEventsOf reads an event stream to its end: what each event says, and its id.
func statusEventsOf(t *testing.T, client *http.Client) (data, ids []string) {
	t.Helper()
	res := gatewaytest.Do(t, client, gatewaytest.Request(http.MethodGet, statusEventsPath, nil))
	if kind := res.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("HTTP %d %s: %s", res.StatusCode, kind, res.Text)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(res.Text))); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			data = append(data, text)
		}
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			ids = append(ids, id)
		}
	}
	return data, ids
}

func statusJSON(state string, percent int) string {
	return fmt.Sprintf(`{"state":%q,"playable":false,"percent":%d,"stage":"","queue_position":0,"renditions":[],"reason":"","message":"","retryable":false,"video_id":9}`, state, percent)
}

// A video service that goes away on the way neither repeats nor loses a status, and the
// stream ends with the last one.
func TestStatusesComeOnceAcrossABrokenStream(t *testing.T) {
	t.Parallel()
	client := watchingGateway(t, fault.Unavailable(errors.New("gone")),
		[]*videov1.TranscodeStatus{step(queued, 0), step(processing, 10)},
		[]*videov1.TranscodeStatus{step(processing, 10), nil, step(ready, 100)})
	data, ids := statusEventsOf(t, client)
	if diff := cmp.Diff([]string{statusJSON("queued", 0), statusJSON("processing", 10), statusJSON("ready", 100)}, data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(ids) != 3 || ids[0] == ids[1] || ids[1] == ids[2] {
		t.Errorf("ids %q", ids)
	}
}

// A browser opens a stream again that ended, with the id of the last event, and stops at 204.
func TestABrowserThatHasTheLastStatusIsToldToStop(t *testing.T) {
	t.Parallel()
	end := []*videov1.TranscodeStatus{step(ready, 100)}
	client := watchingGateway(t, nil, end, end, end)
	_, ids := statusEventsOf(t, client)
	again := gatewaytest.Request(http.MethodGet, statusEventsPath, nil)
	again.Header.Set("Last-Event-ID", ids[0])
	if res := gatewaytest.Do(t, client, again); res.StatusCode != http.StatusNoContent {
		t.Errorf("HTTP %d: %s", res.StatusCode, res.Text)
	}
	other := gatewaytest.Request(http.MethodGet, statusEventsPath, nil)
	other.Header.Set("Last-Event-ID", "other")
	if res := gatewaytest.Do(t, client, other); !strings.Contains(string(res.Text), statusJSON("ready", 100)) {
		t.Errorf("HTTP %d: %s", res.StatusCode, res.Text)
	}
}

func TestARefusedStatusStreamIsAnsweredAsEverywhere(t *testing.T) {
	t.Parallel()
	gone := fault.NotFound("no such video").For(videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND)
	client := watchingGateway(t, gone)
	for target, want := range map[string]string{
		statusEventsPath:                        `{"status_code":10016,`,
		"/douyin/publish/status/stream?token=t": `{"status_code":40002,`,
		"/douyin/publish/status/stream?token=t&video_id=9&upload_id=1-a": `{"status_code":40002,`,
	} {
		res := gatewaytest.Do(t, client, gatewaytest.Request(http.MethodGet, target, nil))
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(string(res.Text), want) {
			t.Errorf("%s: HTTP %d %s", target, res.StatusCode, res.Text)
		}
	}
}

// Streams of statuses count among the push streams of their user.
func TestStatusStreamsSpendTheBudgetOfStreams(t *testing.T) {
	t.Parallel()
	client := watchingGateway(t, nil, []*videov1.TranscodeStatus{step(queued, 0)})
	first, err := client.Do(gatewaytest.Request(http.MethodGet, statusEventsPath, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Body.Close() }()
	if res := gatewaytest.Do(t, client, gatewaytest.Request(http.MethodGet, statusEventsPath, nil)); !strings.HasPrefix(string(res.Text), `{"status_code":10009,`) {
		t.Errorf("a second stream: HTTP %d %s", res.StatusCode, res.Text)
	}
}
