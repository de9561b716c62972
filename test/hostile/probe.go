package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// probe is one thing that honest clients do again and again.
type probe struct {
	name  string
	every time.Duration
	call  func(ctx context.Context, i int) error
}

// probeLimit bounds an honest call.
const probeLimit = 10 * time.Second

// probes returns what the honest clients of a world do.
func (w *World) probes(messages *mailbox) []probe {
	return []probe{
		{"feed", 200 * time.Millisecond, w.readFeed},
		{"user", 200 * time.Millisecond, w.readUser},
		{"play", 200 * time.Millisecond, w.play},
		{"like", 200 * time.Millisecond, w.like},
		{"comment", 250 * time.Millisecond, w.comment},
		{"chat", 250 * time.Millisecond, w.poll},
		{"message", 500 * time.Millisecond, func(ctx context.Context, i int) error { return w.pushed(ctx, messages, i) }},
		{"login", time.Second, w.login},
		{"publish", 2 * time.Second, w.publishClip},
	}
}

// Experience is what honest clients met with.
type Experience struct {
	// Refused says for each call that failed how.
	Refused []string
	// Took is how long calls took, by kind.
	Took map[string][]time.Duration
}

// All is how many calls were made.
func (e Experience) All() (n int) {
	for _, took := range e.Took {
		n += len(took)
	}
	return n
}

// P99 is the time that 99 of 100 calls take at most.
func (e Experience) P99() time.Duration {
	var all []time.Duration
	for _, took := range e.Took {
		all = append(all, took...)
	}
	return p99(all)
}

func p99(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	took = slices.Sorted(slices.Values(took))
	return took[(len(took)*99+99)/100-1]
}

// String is for logs: the slowest kinds first.
func (e Experience) String() string {
	var kinds []string
	for kind, took := range e.Took {
		kinds = append(kinds, fmt.Sprintf("%s %d ms", kind, p99(took).Milliseconds()))
	}
	slices.Sort(kinds)
	return fmt.Sprintf("%d of %d refused, p99 %d ms (%s)", len(e.Refused), e.All(), e.P99().Milliseconds(), strings.Join(kinds, ", "))
}

// Live lets honest clients act until ctx ends, and returns what they met with.
// Calls begin on time, whether those before them have ended or not.
func (w *World) Live(ctx context.Context) Experience {
	r := &recorder{Experience: Experience{Took: map[string][]time.Duration{}}}
	messages := &mailbox{}
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	var reader, calls sync.WaitGroup
	opened := make(chan struct{})
	reader.Go(func() { w.read(reading, messages, r, sync.OnceFunc(func() { close(opened) })) })
	<-opened
	for _, p := range w.probes(messages) {
		calls.Go(func() { p.repeat(ctx, r) })
	}
	calls.Wait()
	stopReading()
	reader.Wait()
	w.closeIdle()
	return r.Experience
}

// recorder collects an Experience. Safe for concurrent use.
type recorder struct {
	mu sync.Mutex
	Experience
}

func (r *recorder) add(kind string, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Took[kind] = append(r.Took[kind], took)
	if inside := (*url.Error)(nil); errors.As(err, &inside) {
		err = inside.Err // the address has the token
	}
	if err != nil {
		r.Refused = append(r.Refused, fmt.Sprintf("%s after %d ms: %v", kind, took.Milliseconds(), err))
	}
}

// repeat makes calls at their time until ctx ends, and waits for the last.
func (p probe) repeat(ctx context.Context, r *recorder) {
	var calls sync.WaitGroup
	defer calls.Wait()
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeLimit)
			defer cancel()
			began := time.Now()
			err := p.call(ctx, i)
			r.add(p.name, time.Since(began), err)
		})
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// readFeed reads the feed over a connection of its own, and looks where its links lead.
func (w *World) readFeed(ctx context.Context, _ int) error {
	answer, err := w.anonymous.Get(ctx, "/douyin/feed/")
	if err != nil {
		return err
	}
	var feed struct {
		Videos []harness.Video `json:"video_list"`
	}
	if err := accepted(answer, &feed); err != nil {
		return err
	}
	for _, video := range feed.Videos {
		for _, url := range []string{video.PlayURL, video.CoverURL, video.Author.Avatar} {
			if !strings.HasPrefix(url, w.URL+"/") {
				return fmt.Errorf("a link leads to %s, want %s", url, w.URL)
			}
		}
	}
	if len(feed.Videos) == 0 {
		return errors.New("the feed is empty")
	}
	return nil
}

// readUser reads the caller's own profile.
func (w *World) readUser(ctx context.Context, _ int) error {
	answer, err := w.reader.client.Get(ctx, "/douyin/user/")
	if err != nil {
		return err
	}
	return accepted(answer, &struct{}{})
}

// play reads a piece of a video.
func (w *World) play(ctx context.Context, _ int) error {
	const bytes = 4096
	res, err := w.anonymous.Open(ctx, harness.Call{
		Path: strings.TrimPrefix(w.video.PlayURL, w.URL), Header: http.Header{"Range": {fmt.Sprintf("bytes=0-%d", bytes-1)}},
	})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && (res.StatusCode != http.StatusPartialContent || n != bytes) {
		err = fmt.Errorf("refused: HTTP %d with %d bytes, want 206 with %d", res.StatusCode, n, bytes)
	}
	return err
}

// like likes a video and takes it back, in turn.
func (w *World) like(ctx context.Context, i int) error {
	return w.reader.act(ctx, "/douyin/favorite/action/", "video_id", id(w.video.ID), "action_type", strconv.Itoa(1+i%2))
}

func (w *World) comment(ctx context.Context, i int) error {
	return w.reader.act(ctx, "/douyin/comment/action/", "video_id", id(w.video.ID), "action_type", "1", "comment_text", strconv.Itoa(i))
}

// poll asks for messages that are newer than a moment ago, as apps do.
func (w *World) poll(ctx context.Context, _ int) error {
	answer, err := w.reader.client.Get(ctx, "/douyin/message/chat/",
		"to_user_id", id(w.author.id), "pre_msg_time", id(time.Now().Add(-time.Second).UnixMilli()))
	if err != nil {
		return err
	}
	return accepted(answer, &struct{}{})
}

// login opens a session of one of the accounts.
func (w *World) login(ctx context.Context, i int) error {
	answer, err := w.anonymous.Post(ctx, "/douyin/user/login/", "username", w.accounts[i%len(w.accounts)].name, "password", password)
	if err != nil {
		return err
	}
	return accepted(answer, &struct{}{})
}

// publishClip publishes a small video.
func (w *World) publishClip(ctx context.Context, i int) error {
	clip, err := media.Draw()
	if err != nil {
		return err
	}
	return w.author.publish(ctx, clip, strconv.Itoa(i))
}

// pushed sends a message and waits until it came through the reader's stream.
func (w *World) pushed(ctx context.Context, messages *mailbox, _ int) error {
	text := harness.Name("m")
	arrived := messages.expect(text)
	if err := w.author.act(ctx, "/douyin/message/action/", "to_user_id", id(w.reader.id), "action_type", "1", "content", text); err != nil {
		return err
	}
	select {
	case <-arrived:
		return nil
	case <-ctx.Done():
		return errors.New("the message was not pushed")
	}
}

// read follows the reader's message stream until ctx ends. A stream that ends
// before is a refusal, and is opened again.
func (w *World) read(ctx context.Context, messages *mailbox, r *recorder, opened func()) {
	for {
		began := time.Now()
		err := w.readStream(ctx, messages, opened)
		if ctx.Err() != nil {
			return
		}
		r.add("stream", time.Since(began), err)
		opened()
		pause(ctx, reopenPause)
	}
}

func (w *World) readStream(ctx context.Context, messages *mailbox, opened func()) error {
	res, err := w.reader.client.Open(ctx, harness.Call{Path: "/douyin/message/stream"})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return fmt.Errorf("refused: HTTP %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	opened()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if event, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			messages.deliver(event)
		}
	}
	return fmt.Errorf("the stream ended: %w", lines.Err())
}

// mailbox knows which messages are waited for. Safe for concurrent use.
type mailbox struct {
	mu       sync.Mutex
	expected map[string]chan struct{}
}

// expect returns a channel that is closed when a message with the text is delivered.
func (m *mailbox) expect(text string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.expected == nil {
		m.expected = map[string]chan struct{}{}
	}
	m.expected[text] = make(chan struct{})
	return m.expected[text]
}

// deliver takes a message as it came.
func (m *mailbox) deliver(event string) {
	var message harness.Message
	if json.Unmarshal([]byte(event), &message) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if arrived, ok := m.expected[message.Content]; ok {
		close(arrived)
		delete(m.expected, message.Content)
	}
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
