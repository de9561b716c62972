package video

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
)

// workerEnv is set in a process of this test that is a worker.
const workerEnv = "DOUYIN_TEST_TRANSCODE_WORKER"

// workerSettings are what such a process is told.
type workerSettings struct {
	DSN, Schema, Scratch string
	S3                   blob.Config
}

// runWorker is the life of such a process, until it is killed.
func runWorker(settings string) error {
	var s workerSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return err
	}
	ctx := context.Background()
	db, err := pg.Open(ctx, pg.Config{DSN: s.DSN, Service: s.Schema, MaxConns: 4})
	if err != nil {
		return err
	}
	objects, err := blob.Open(ctx, s.S3)
	if err != nil {
		return err
	}
	slow := &encoder{before: func(context.Context, string) error {
		time.Sleep(rand.N(40 * time.Millisecond)) // encoding takes time
		return nil
	}}
	w, err := NewWorker(WorkerDeps{
		DB: db, Objects: objects, Encoder: slow, Scratch: s.Scratch, AtOnce: 2, Lease: time.Second,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

// killed runs worker processes and kills one after the other, each with SIGKILL
// after a while that is drawn by lot, until told to stop.
func killed(ctx context.Context, t *testing.T, settings string) (kills int) {
	t.Helper()
	for ctx.Err() == nil {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), workerEnv+"="+settings)
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return kills
		}
		select {
		case <-ctx.Done():
		case <-time.After(100*time.Millisecond + rand.N(400*time.Millisecond)):
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("a worker ended by itself: %v", err)
		}
		_ = cmd.Wait()
		kills++
	}
	return kills
}

// Workers are killed all the time: every video gets each rendition once, and
// nothing is left that belongs to nothing.
func TestKilledWorkersLeaveEveryVideoReadyOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	const videos = 24
	var ids []int64
	for range videos {
		ids = append(ids, publishTiny(t, b.Service).GetId())
	}
	settings, err := json.Marshal(workerSettings{DSN: infratest.Postgres(t), Schema: b.db.Schema(), Scratch: t.TempDir(), S3: infratest.S3(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var workers sync.WaitGroup
	kills := make([]int, 2)
	for i := range kills {
		workers.Go(func() { kills[i] = killed(ctx, t, string(settings)) })
	}
	const unfinishedSQL = `SELECT count(*) FROM transcode_job WHERE state IN (1, 2)`
	for left := videos; left > 0 && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if err := b.db.RW().QueryRow(ctx, unfinishedSQL).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	workers.Wait()
	t.Logf("%v workers were killed", kills)
	// What a worker was killed with in its hands is old by then.
	b.now.Add(2 * time.Hour.Milliseconds())
	if err := b.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.wantReady(t, id)
		if got := b.card(t, id).GetVersion(); got != 1+4 { // three of HLS and the file
			t.Errorf("video %d was changed %d times, want 4", id, got-1)
		}
		if n := len(b.objects(t, id)); n != 2+3*4+1+1 { // original and cover, renditions, file, master
			t.Errorf("video %d has %d objects: %v", id, n, b.objects(t, id))
		}
	}
	if got := len(b.events(t, &videov1.TranscodeChanged{})); got != videos*5 {
		t.Errorf("%d events, want %d", got, videos*5)
	}
}
