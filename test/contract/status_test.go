package contract_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// statusEvents opens the event stream of an upload's status and returns what waits for
// the next one, false at the end, and the id of the last.
func (p *person) statusEvents(ctx context.Context, t *testing.T, after string, pairs ...string) (next func() (videoStatus, bool), lastID func() string) {
	t.Helper()
	res, err := p.client.Open(ctx, harness.Call{
		Path: "/douyin/publish/status/stream", Query: harness.Values(append(pairs, "token", p.token)...), Header: http.Header{"Last-Event-Id": {after}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode == http.StatusNoContent {
		return func() (videoStatus, bool) { return videoStatus{}, false }, func() string { return after }
	}
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		t.Fatalf("HTTP %d %s, want an event stream", res.StatusCode, kind)
	}
	lines := bufio.NewScanner(res.Body)
	last := ""
	return func() (videoStatus, bool) {
		t.Helper()
		for lines.Scan() {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				last = id
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var st videoStatus
				if err := json.Unmarshal([]byte(data), &st); err != nil {
					t.Fatalf("%v: %s", err, data)
				}
				return st, true
			}
		}
		if lines.Err() != nil {
			t.Fatalf("the stream broke: %v", lines.Err())
		}
		return videoStatus{}, false
	}, func() string { return last }
}

// uploadStatus is what polling answers of an upload.
func (p *person) uploadStatus(t *testing.T, upload string) videoStatus {
	t.Helper()
	var answer struct{ Status videoStatus }
	decode(t, p.mustGet(t, "/douyin/publish/status/", "upload_id", upload), &answer)
	return answer.Status
}

// One status from the first byte to the end: polling, Server-Sent Events and RPC say the
// same of an upload, in the same order.
func TestTheStatusOfAnUploadIsToldFromItsFirstByteToTheEnd(t *testing.T) {
	t.Parallel()
	p, other := newPerson(t), newPerson(t)
	clip, err := media.Draw()
	if err != nil {
		t.Fatal(err)
	}
	location := p.beginUpload(t, len(clip))
	upload := uploadID(location)
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	defer cancel()
	next, lastID := p.statusEvents(ctx, t, "", "upload_id", upload)
	first, _ := next()
	if polled := p.uploadStatus(t, upload); first.State != "uploading" || first.Percent != 0 || polled.State != "uploading" || polled.VideoID != 0 {
		t.Fatalf("at first: sent %+v, polled %+v", first, polled)
	}
	stream, err := protocols()[0].as(p.token).status.WatchVideoStatus(ctx, &apiv1.WatchVideoStatusRequest{UploadId: upload})
	if err != nil {
		t.Fatal(err)
	}
	half := len(clip) / 2
	p.tus(t, http.MethodPatch, location, clip[:half], "Upload-Offset", "0")
	for st := first; st.Percent == 0; {
		if st, _ = next(); st.State != "uploading" || st.Percent > 50 {
			t.Fatalf("in the middle: %+v", st)
		}
	}
	p.tus(t, http.MethodPatch, location, clip[half:], "Upload-Offset", text(int64(half)))
	p.mustPost(t, "/douyin/publish/action/", "upload_id", upload, "title", "told")
	id := p.published(t)[0].ID

	order := map[string]int{"uploading": 0, "queued": 1, "processing": 2, "ready": 3}
	last := first
	for st, more := next(); more; st, more = next() {
		if order[st.State] < order[last.State] || st.State != "uploading" && st.VideoID != id {
			t.Fatalf("%+v after %+v", st, last)
		}
		last = st
	}
	same := func(name string, st videoStatus) {
		t.Helper()
		if want := p.videoStatus(t, id); !equalStatus(st, want) {
			t.Errorf("%s: %+v, by the video's id %+v", name, st, want)
		}
	}
	same("the last event", last)
	same("polled by the upload", p.uploadStatus(t, upload))
	var pushed *apiv1.VideoStatus
	for stream.Receive() {
		if st := stream.Msg().GetStatus(); st != nil {
			pushed = st
		}
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	same("the last of the RPC", fromProto(t, pushed))
	if st, more := p.nextStatus(ctx, t, lastID(), id); more {
		t.Errorf("a client that has the last status is sent %+v", st)
	}
	if st, more := p.nextStatus(ctx, t, "", id); !more {
		t.Error("a client that has nothing is sent nothing")
	} else {
		same("a new stream", st)
	}
	refused(t, other.get(t, "/douyin/publish/status/", "upload_id", upload), 40002)
	refused(t, other.get(t, "/douyin/publish/status/stream/", "upload_id", upload), 40002)
	refused(t, other.get(t, "/douyin/publish/status/stream/", "video_id", text(id)), 10016)
	refused(t, p.get(t, "/douyin/publish/status/stream/", "video_id", text(id), "upload_id", upload), 40002)
	refused(t, p.get(t, "/douyin/publish/status/stream/"), 40002)
}

// nextStatus is the first event of a video's status after another.
func (p *person) nextStatus(ctx context.Context, t *testing.T, after string, id int64) (videoStatus, bool) {
	t.Helper()
	next, _ := p.statusEvents(ctx, t, after, "video_id", text(id))
	return next()
}

func equalStatus(a, b videoStatus) bool {
	one, _ := json.Marshal(a)
	other, _ := json.Marshal(b)
	return string(one) == string(other)
}

// fromProto is a status as REST has it.
func fromProto(t *testing.T, st *apiv1.VideoStatus) videoStatus {
	t.Helper()
	body, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		videoStatus
		VideoID int64 `json:"video_id,string"`
	}
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	out.videoStatus.VideoID = out.VideoID
	return out.videoStatus
}
