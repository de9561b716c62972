package video

import (
	"bytes"
	"context"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/video/cliptest"
	"douyin.dev/services/video/mp4"
)

func TestPublishedVideoIsVisibleAndStored(t *testing.T) {
	t.Parallel()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("needs ffmpeg")
	}
	b := newBench(t, func(d *Deps) { d.Cover = CoverOptions{FFmpeg: ffmpeg} })
	file := cliptest.H264(t)
	got, err := b.upload(t.Context(), &videov1.PublishVideoHeader{Title: "猫"}, file)
	if err != nil {
		t.Fatal(err)
	}
	want := &videov1.Video{
		Id: got.GetId(), AuthorId: author, Title: "猫", MediaKey: prefix(got.GetId()) + "original.mp4",
		CoverKey: prefix(got.GetId()) + "cover.jpg", PublishedAtMs: b.now.Load(),
		DurationMs: 1000, Width: 320, Height: 240, Version: 1, Visibility: public,
	}
	read, err := b.BatchGetVideos(t.Context(), &videov1.BatchGetVideosRequest{Ids: []int64{got.GetId(), got.GetId(), 1}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*videov1.Video{want}, read.GetVideos(), protocmp.Transform()); diff != "" {
		t.Errorf("video (-want +got):\n%s", diff)
	}
	if !bytes.Equal(file, b.object(t, got.GetMediaKey())) {
		t.Error("the stored file is another one")
	}
	cover, err := jpeg.Decode(bytes.NewReader(b.object(t, got.GetCoverKey())))
	if err != nil || cover.Bounds().Dx() != 320 || cover.Bounds().Dy() != 240 {
		t.Errorf("cover: %v, want a JPEG of 320 by 240", err)
	}
	if n := b.rows(t, "outbox"); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

func (b *bench) object(t *testing.T, key string) []byte {
	t.Helper()
	o, err := b.store.Get(t.Context(), key, "")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRefusedUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	file := cliptest.H264(t)
	limit := func(n int64) func(*Deps) { return func(d *Deps) { d.Limits.MaxBytes = n } }
	for _, c := range []struct {
		name   string
		change func(*Deps)
		title  string
		file   []byte
		code   connect.Code
		reason string
	}{
		{"no video", nil, "", []byte("hello"), connect.CodeInvalidArgument, "NOT_PLAYABLE"},
		{"empty", nil, "", nil, connect.CodeInvalidArgument, "NOT_PLAYABLE"},
		{"truncated", nil, "", file[:len(file)-1], connect.CodeInvalidArgument, "NOT_PLAYABLE"},
		{"too large", limit(int64(len(file)) - 1), "", file, connect.CodeResourceExhausted, "FILE_TOO_LARGE"},
		{"long title", nil, strings.Repeat("字", 101), file, connect.CodeInvalidArgument, ""},
		{"title with NUL", nil, "a\x00b", file, connect.CodeInvalidArgument, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, c.change)
			_, err := b.upload(t.Context(), &videov1.PublishVideoHeader{Title: c.title}, c.file)
			f, _ := fault.As(err)
			if f == nil || f.Code() != c.code || f.Reason() != c.reason {
				t.Errorf("answer %v, want %v %s", err, c.code, c.reason)
			}
			b.nothingLeft(t)
		})
	}
}

func TestLimitsOfAnUploadAreInclusive(t *testing.T) {
	t.Parallel()
	file := cliptest.H264(t)
	b := newBench(t, func(d *Deps) { d.Limits.MaxBytes = int64(len(file)) })
	if _, err := b.upload(t.Context(), &videov1.PublishVideoHeader{Title: strings.Repeat("字", 100)}, file); err != nil {
		t.Error(err)
	}
}

func TestSlowUploadIsCut(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(d *Deps) { d.Limits.Grace = time.Millisecond })
	stream, err := b.client.PublishVideo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	header := &videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Header{Header: &videov1.PublishVideoHeader{}}}
	if err := stream.Send(header); err != nil {
		t.Fatal(err)
	}
	// Nothing follows: the server answers by itself.
	select {
	case <-b.refusals:
	case <-time.After(20 * time.Second):
		t.Fatal("the upload goes on")
	}
	if _, err := stream.CloseAndReceive(); fault.CodeOf(err) != connect.CodeDeadlineExceeded {
		t.Errorf("answer %v, want deadline exceeded", err)
	}
	b.nothingLeft(t)
}

// Streams that send nothing cost those that publish nothing.
func TestAStreamWithoutAHeaderHoldsNoSlot(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(d *Deps) { d.Limits.Uploads = 1 })
	silent, err := b.client.PublishVideo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := silent.Send(nil); err != nil { // the head of the request goes
		t.Fatal(err)
	}
	for range 3 {
		if _, err := b.upload(t.Context(), &videov1.PublishVideoHeader{}, cliptest.H264(t)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.spooler.slots); n != 0 {
		t.Errorf("%d slots are taken, want none", n)
	}
}

// A full disk is not the client's fault.
func TestFullDiskIsUnavailable(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	full := []*os.File{}
	b.spooler.create = func(string) (*os.File, error) {
		f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
		full = append(full, f)
		return f, err
	}
	if _, err := b.upload(t.Context(), &videov1.PublishVideoHeader{}, cliptest.H264(t)); fault.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("no space for the bytes: %v", err)
	}
	if len(full) != 1 || full[0].Close() == nil {
		t.Error("the file was left open")
	}
	b.spooler.create = func(string) (*os.File, error) { return nil, syscall.ENOSPC }
	if _, err := b.upload(t.Context(), &videov1.PublishVideoHeader{}, cliptest.H264(t)); fault.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("no space for a file: %v", err)
	}
	b.nothingLeft(t)
}

// A form may name its title and its key behind its file.
func TestALaterHeaderCompletesTheFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	header := func(h *videov1.PublishVideoHeader) *videov1.PublishVideoRequest {
		return &videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Header{Header: h}}
	}
	publish := func(parts ...*videov1.PublishVideoRequest) (*videov1.Video, error) {
		stream, err := b.client.PublishVideo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if stream.Send(part) != nil {
				break // the answer says why
			}
		}
		res, err := stream.CloseAndReceive()
		return res.GetVideo(), err
	}
	file := &videov1.PublishVideoRequest{Part: &videov1.PublishVideoRequest_Chunk{Chunk: cliptest.H264(t)}}
	first, err := publish(header(&videov1.PublishVideoHeader{}), file, header(&videov1.PublishVideoHeader{Title: "late", IdempotencyKey: "k"}))
	if err != nil || first.GetTitle() != "late" {
		t.Fatalf("title %q: %v", first.GetTitle(), err)
	}
	again, err := publish(header(&videov1.PublishVideoHeader{Title: "late", IdempotencyKey: "k"}), file, header(&videov1.PublishVideoHeader{Title: "x", IdempotencyKey: "y"}))
	if diff := cmp.Diff(first, again, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("what the first header said was replaced: %v\n%s", err, diff)
	}
	_, err = publish(header(&videov1.PublishVideoHeader{}), file, header(&videov1.PublishVideoHeader{Title: strings.Repeat("x", 101)}))
	if fault.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a late title of 101 characters: %v", err)
	}
}

func TestSameKeySameAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	file := cliptest.H264(t)
	header := &videov1.PublishVideoHeader{Title: "a", IdempotencyKey: "k"}
	first, err := b.upload(t.Context(), header, file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.upload(t.Context(), header, file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again, protocmp.Transform()); diff != "" {
		t.Errorf("second answer (-first +second):\n%s", diff)
	}
	_, err = b.upload(t.Context(), &videov1.PublishVideoHeader{Title: "b", IdempotencyKey: "k"}, file)
	if f, _ := fault.As(err); f == nil || len(f.Violations()) != 1 || f.Violations()[0].Field != "idempotency_key" {
		t.Errorf("same key for another title: %v", err)
	}
	if n := b.rows(t, "video"); n != 1 {
		t.Errorf("%d videos, want 1", n)
	}
	for id := first.GetId(); id < first.GetId()+3; id++ {
		want := 0
		if id == first.GetId() {
			want = 2
		}
		if keys := b.objects(t, id); len(keys) != want {
			t.Errorf("video %d has objects %v", id, keys)
		}
	}
}

func TestFailingFFmpegStillPublishes(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(d *Deps) { d.Cover = CoverOptions{FFmpeg: "/bin/false"} })
	got, err := b.upload(t.Context(), &videov1.PublishVideoHeader{}, cliptest.H264(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jpeg.Decode(bytes.NewReader(b.object(t, got.GetCoverKey()))); err != nil {
		t.Errorf("drawn cover: %v", err)
	}
}

func TestHangingFFmpegIsKilled(t *testing.T) {
	t.Parallel()
	c := newCovers(CoverOptions{FFmpeg: script(t, "sleep 60 & wait"), Timeout: 100 * time.Millisecond}, quiet())
	file := tempFile(t)
	started := time.Now()
	if _, err := c.frame(context.Background(), file, mp4.Video{Media: mp4.Media{Width: 64, Height: 64}}); err == nil || time.Since(started) > 10*time.Second {
		t.Errorf("a program that hangs: %v after %v", err, time.Since(started))
	}
}
