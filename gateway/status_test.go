package gateway

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
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
		State: "processing", Playable: true, Percent: 40, Stage: "encode", QueuePosition: 3, Retryable: true,
		Reason: "NO_PICTURE", Message: "m",
		Renditions: []*apiv1.Rendition{{Name: "360p", Width: 360, Height: 640, Bandwidth: 1, Codecs: "c"}},
	}
	if diff := cmp.Diff(want, publicStatus(inside), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := publicStatus(&videov1.TranscodeStatus{}); got.GetStage() != "" || got.GetReason() != "" {
		t.Errorf("nothing is said as %v", got)
	}
}

func TestVideosNameTheirPlaylistOnceThereIsOne(t *testing.T) {
	t.Parallel()
	g, ctx := New(Deps{Now: time.Now}), t.Context()
	v := &videov1.Video{Id: 1, MediaKey: "videos/1/original.mp4"}
	if got := publicVideo(g.readerOf(ctx), v, nil); got.GetHlsUrl() != "" || got.GetPlayUrl() != "/media/videos/1/original.mp4" {
		t.Errorf("at first: %v", got)
	}
	v.MediaKey, v.HlsKey = "videos/1/r1/progressive.mp4", "videos/1/r1/master-1.m3u8"
	got := publicVideo(g.readerOf(ctx), v, nil)
	if got.GetHlsUrl() != "/media/videos/1/r1/master-1.m3u8" || got.GetPlayUrl() != "/media/videos/1/r1/progressive.mp4" {
		t.Errorf("then: %v", got)
	}
}
