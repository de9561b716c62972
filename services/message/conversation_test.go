package message

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/fault"
)

// contents of a page.
func contents(messages []*messagev1.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m.GetContent())
	}
	return all
}

func TestConversationIsPagedFromItsEnd(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	for n := range int64(7) {
		i.mustSend(t, 1+n%2, 2-n%2, fmt.Sprint(n))
		i.mustSend(t, 1, 3, "elsewhere")
	}
	var got [][]string
	req := &messagev1.ListMessagesRequest{PeerId: 2, PageSize: 3}
	for {
		res, err := i.client.ListMessages(as(t.Context(), 1), req)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, contents(res.GetMessages()))
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if diff := cmp.Diff([][]string{{"4", "5", "6"}, {"1", "2", "3"}, {"0"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPollGetsOnlyWhatCameSince(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	i.mustSend(t, 2, 1, "old")
	last := i.mustSend(t, 2, 1, "last seen")
	i.mustSend(t, 1, 2, "my own")
	i.mustSend(t, 2, 1, "new")
	for receivedOnly, want := range map[bool][]string{true: {"new"}, false: {"my own", "new"}} {
		res, err := i.client.ListMessages(as(t.Context(), 1), &messagev1.ListMessagesRequest{
			PeerId: 2, AfterMs: last.GetSentAtMs(), ReceivedOnly: receivedOnly,
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, contents(res.GetMessages())); diff != "" {
			t.Error(diff)
		}
	}
}

func TestListRefusesBadParametersByName(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	for field, req := range map[string]*messagev1.ListMessagesRequest{
		"after_ms":   {PeerId: 2, AfterMs: -1},
		"page_size":  {PeerId: 2, PageSize: 1001},
		"page_token": {PeerId: 2, PageToken: "x"},
	} {
		_, err := i.client.ListMessages(as(t.Context(), 1), req)
		if e, ok := fault.As(err); !ok || len(e.Violations()) != 1 || e.Violations()[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestLatestMessageOfEachConversation(t *testing.T) {
	r := newRig(t)
	i := r.start(t, nil)
	i.mustSend(t, 1, 2, "old")
	received := i.mustSend(t, 2, 1, "received")
	sent := i.mustSend(t, 1, 3, "sent")
	i.mustSend(t, 2, 3, "between others")
	res, err := i.client.BatchGetLatestMessages(as(t.Context(), 1), &messagev1.BatchGetLatestMessagesRequest{PeerIds: []int64{2, 3, 4, 3}})
	if err != nil {
		t.Fatal(err)
	}
	byID := protocmp.SortRepeated(func(a, b *messagev1.Message) bool { return a.GetId() < b.GetId() })
	want := &messagev1.BatchGetLatestMessagesResponse{Messages: []*messagev1.Message{received, sent}}
	if diff := cmp.Diff(want, res, protocmp.Transform(), byID); diff != "" {
		t.Error(diff)
	}
}
