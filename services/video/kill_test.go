package video

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
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
	death := &deadline{steps: 10 + rand.Int64N(50)}
	encoder := &encoder{before: func(context.Context, string) error { death.step(); return nil }}
	w, err := NewWorker(WorkerDeps{
		DB: db, Objects: dying{objects, death}, Encoder: encoder, Scratch: s.Scratch, AtOnce: 2, Lease: 2 * time.Second,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

// deadline kills its process with SIGKILL a moment after a number of steps, so that
// a slow machine does not kill it before it has done anything.
type deadline struct{ steps, taken int64 }

// step counts one step. It is safe for concurrent use.
func (d *deadline) step() {
	if atomic.AddInt64(&d.taken, 1) == d.steps {
		time.AfterFunc(rand.N(10*time.Millisecond), func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	}
}

// dying is a store each of whose objects is a step towards the end of its process.
type dying struct {
	WorkerObjects
	death *deadline
}

func (d dying) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, contentType string) error {
	d.death.step()
	return d.WorkerObjects.Put(ctx, key, body, size, contentType)
}

// killed runs worker processes one after the other, each until it is killed in the
// middle of its work, until ctx ends.
func killed(ctx context.Context, t *testing.T, settings string) (kills int) {
	t.Helper()
	for ctx.Err() == nil {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), workerEnv+"="+settings)
		err := cmd.Run()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
			t.Errorf("a worker ended by itself: %v", err)
			return kills
		}
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
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
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
	if kills[0]+kills[1] < videos/4 {
		t.Errorf("only %v workers were killed", kills)
	}
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
