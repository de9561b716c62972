package durability

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// Load is what the clients do and how often the platform is killed meanwhile.
type Load struct {
	// Clients act at the same time, each as a user of its own.
	Clients int
	// Operations of all clients together.
	Operations int
	// Kills of the platform, kills of Postgres and of Redis alone, and standstills of
	// Postgres, at random moments of the run.
	Kills, StoreKills, Stops int
	// Seed makes the choices of each client repeatable.
	Seed uint64
	// Rate bounds the operations of all clients in a second; 0 for no bound.
	Rate int
	// Addresses are the loopback addresses that clients come from, one after the
	// other; the usual one when empty.
	Addresses []string
}

// clients returns a client without a session for each address.
func (l Load) clients(url string) []*harness.Client {
	if len(l.Addresses) == 0 {
		return []*harness.Client{harness.NewClient(url)}
	}
	var all []*harness.Client
	for _, address := range l.Addresses {
		all = append(all, harness.NewClientFrom(url, address, false))
	}
	return all
}

// due is when the n-th operation may begin.
func (l Load) due(began time.Time, n int64) time.Time {
	if l.Rate <= 0 {
		return began
	}
	return began.Add(time.Duration(n) * time.Second / time.Duration(l.Rate))
}

// Figures sum up a run.
type Figures struct {
	OK, Fail, Unknown int
	// Touches are calls on shared registers.
	Touches int
	// Retries are attempts after a lost answer, Downtime the longest time from a kill to ready.
	Retries  int
	Faults   map[Fault]int
	Downtime time.Duration
	Took     time.Duration
}

// String is the one line of a run.
func (f Figures) String() string {
	total := f.OK + f.Fail + f.Unknown
	return fmt.Sprintf("operations=%d ok=%d fail=%d unknown=%d touches=%d retries=%d kills=%d postgres_kills=%d redis_kills=%d postgres_stops=%d longest_downtime=%s took=%s rate=%.0f/s",
		total, f.OK, f.Fail, f.Unknown, f.Touches, f.Retries,
		f.Faults[KillPlatform], f.Faults[KillPostgres], f.Faults[KillRedis], f.Faults[StopPostgres], f.Downtime.Round(time.Millisecond), f.Took.Round(time.Millisecond),
		float64(total)/f.Took.Seconds())
}

// World is who acts on what.
type World struct {
	anonymous     *harness.Client
	actors        []*actor
	videos        []int64
	file          []byte // what is published, with a box of its own for each video
	hot           *hot
	subscriptions []*subscription
	unsubscribe   func() // ends them and waits
}

// publish is the request of a publication, and the SHA-256 of its file. No two
// files are equal.
func (w *World) publish(key string) (call harness.Call, fileSum string) {
	box := binary.BigEndian.AppendUint32(nil, uint32(8+len(key)))
	file := slices.Concat(w.file, box, []byte("free"), []byte(key))
	return harness.Call{
		Path: "/douyin/publish/action/", Header: http.Header{"Idempotency-Key": {key}},
		Parts: []harness.Part{{Name: "data", FileName: "v.mp4", Content: file}, {Name: "title", Content: []byte(key)}},
	}, sum(file)
}

// videosPerClients is how many clients share a video of their own: few
// videos, so that counters are contended.
const videosPerClients = 8

// Populate registers the users of a load, and lets every eighth publish a video.
func Populate(ctx context.Context, url string, load Load) (*World, error) {
	clients := load.clients(url)
	file, err := media.Draw()
	if err != nil {
		return nil, fmt.Errorf("populate: %w", err)
	}
	w := &World{anonymous: clients[0], actors: make([]*actor, load.Clients), file: file, hot: &hot{users: make([]*actor, hotUsers)}}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	run := harness.Name("run")
	for i := range w.actors {
		group.Go(func() (err error) {
			w.actors[i], err = w.newActor(ctx, clients[i%len(clients)], fmt.Sprintf("%s-%d", run, i), i%videosPerClients == 0)
			return err
		})
	}
	group.Go(func() (err error) {
		w.hot.author, err = w.newActor(ctx, clients[0], run+"-hot", true)
		return err
	})
	for i := range w.hot.users {
		group.Go(func() (err error) {
			w.hot.users[i], err = w.newActor(ctx, clients[i%len(clients)], fmt.Sprintf("%s-hot%d", run, i), false)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("populate: %w", err)
	}
	for i, a := range w.actors {
		a.world, a.random = w, rand.New(rand.NewPCG(load.Seed, uint64(i)))
		w.videos = append(w.videos, a.videos...)
	}
	return w, nil
}

// admitted repeats a call that is refused because many hashes wait, as they do on
// a busy machine.
func admitted(ctx context.Context, call func() (*harness.Answer, error)) (*harness.Answer, error) {
	for {
		answer, err := call()
		if err != nil || answer.Code() != codeTooMany {
			return answer, err
		}
		if pause(ctx, 200*time.Millisecond); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func (w *World) newActor(ctx context.Context, anonymous *harness.Client, name string, publishes bool) (*actor, error) {
	account := strings.TrimPrefix(name, "run_")
	answer, err := admitted(ctx, func() (*harness.Answer, error) {
		return anonymous.Post(ctx, "/douyin/user/register/", "username", account, "password", password)
	})
	if err != nil {
		return nil, err
	}
	var session struct {
		UserID int64  `json:"user_id"`
		Token  string `json:"token"`
	}
	if err := decode(answer, &session); err != nil {
		return nil, err
	}
	a := &actor{id: session.UserID, name: name, client: anonymous.WithToken(session.Token)}
	a.operations = append(a.operations, Operation{
		Kind: Register, Actor: a.id, Key: account, Answers: []int64{a.id}, Token: session.Token, Outcome: OK,
	})
	if !publishes {
		return a, nil
	}
	call, fileSum := w.publish(name)
	answer, err = a.client.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	if answer.Code() != 0 {
		return nil, fmt.Errorf("publish: %s", answer)
	}
	published, err := a.published(ctx)
	if err != nil {
		return nil, err
	}
	for _, video := range published {
		a.videos = append(a.videos, video.ID)
	}
	a.operations = append(a.operations, Operation{Kind: Publish, Actor: a.id, Key: name, Sum: fileSum, Outcome: OK})
	return a, nil
}

// Run lets all clients act until the operations are done, and strikes the
// platform on the way. The history is complete when it returns; the subscribers
// go on until Streams.
func (w *World) Run(ctx context.Context, platform Platform, load Load) (History, Figures, error) {
	began := time.Now()
	figures := Figures{Faults: map[Fault]int{}}
	listening, stopListening := context.WithCancel(ctx)
	awaitListeners := w.subscribe(listening)
	w.unsubscribe = func() { stopListening(); awaitListeners() }
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	awaitHot := w.hot.start(ctx, began, load.Operations, load.Seed)
	var ready []time.Duration
	due := load.faultsAfter()
	faults := make(chan Fault, load.Kills+2*load.StoreKills+load.Stops)
	var started atomic.Int64
	var clients sync.WaitGroup
	for _, a := range w.actors {
		clients.Go(func() {
			for ctx.Err() == nil {
				n := started.Add(1)
				if n > int64(load.Operations) {
					return
				}
				time.Sleep(time.Until(load.due(began, n)))
				w.hot.turn(n, load.Operations)
				for _, fault := range due[n] {
					faults <- fault
				}
				a.act(ctx)
			}
		})
	}
	watching, stopWatching := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	var negative []string
	watcher.Go(func() { negative = w.watch(watching) })

	done := make(chan struct{})
	go func() { clients.Wait(); awaitHot(); close(done) }()
	var failed error
	for running := true; running || len(faults) > 0 && failed == nil; {
		select {
		case <-done:
			running, done = false, nil
		case fault := <-faults:
			struck := time.Now()
			err := strike(ctx, platform, fault)
			if errors.Is(err, harness.ErrNoChild) {
				continue // that store is none of the platform's processes
			}
			if err != nil {
				failed = errors.Join(failed, err)
				cancel()
			}
			ready = append(ready, time.Since(began))
			figures.Faults[fault]++
			figures.Downtime = max(figures.Downtime, time.Since(struck))
		}
	}
	stopWatching()
	watcher.Wait()

	history := History{Negative: negative, Touches: w.hot.settle(ready)}
	figures.Touches = len(history.Touches)
	for _, a := range w.actors {
		history.Operations = append(history.Operations, a.operations...)
		figures.Retries += a.retries
	}
	for _, op := range history.Operations {
		switch op.Outcome {
		case OK:
			figures.OK++
		case Fail:
			figures.Fail++
		case Unknown:
			figures.Unknown++
		}
	}
	figures.Took = time.Since(began)
	return history, figures, failed
}

// watch reads counters until ctx ends and returns those that were negative.
func (w *World) watch(ctx context.Context) []string {
	var negative []string
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return negative
		case <-tick.C:
		}
		a := w.actors[i%len(w.actors)]
		user, err := a.user(ctx)
		if err != nil {
			continue // down, most likely
		}
		read := userCounts(user)
		if videos, err := a.published(ctx); err == nil {
			for _, video := range videos {
				read = append(read, videoCounts(video)...)
			}
		}
		for _, counter := range read {
			if counter.Read < 0 {
				negative = append(negative, counter.Name)
			}
		}
	}
}
