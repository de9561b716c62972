package message

import (
	"testing"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
)

// Both sides of a conversation see a message at once, so nothing is read from
// a replica: this one would refuse each connection.
func TestReadsNeedNoReplica(t *testing.T) {
	r := newRig(t)
	db, err := pg.Open(t.Context(), pg.Config{
		DSN: infratest.Postgres(t), ReadDSN: "postgres://nobody@127.0.0.1:1/nowhere", Service: r.db.Schema(), MaxConns: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if db.RO().Ping(t.Context()) == nil {
		t.Fatal("there is a replica")
	}
	r.db = db
	i := r.start(t, nil)
	i.mustSend(t, 1, 2, "hi")
	list, err := i.client.ListMessages(as(t.Context(), 2), &messagev1.ListMessagesRequest{PeerId: 1})
	if err != nil || len(list.GetMessages()) != 1 {
		t.Errorf("messages: %v, %v", list, err)
	}
	latest, err := i.client.BatchGetLatestMessages(as(t.Context(), 1), &messagev1.BatchGetLatestMessagesRequest{PeerIds: []int64{2}})
	if err != nil || len(latest.GetMessages()) != 1 {
		t.Errorf("latest messages: %v, %v", latest, err)
	}
}
