package telemetry

import (
	"encoding/binary"
	"hash/maphash"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// warningReasons is how many reasons of one warning are written side by side:
	// a store that is away gives each caller a reason of its own. errorReasons is
	// the same for errors, of which each may be another.
	warningReasons, errorReasons = 3, 100
	// firstRepeat is when a reason that goes on is written again. The interval
	// doubles up to longestRepeat.
	firstRepeat, longestRepeat = time.Minute, time.Hour
	// quiet is after how long without a line a reason is new again.
	quiet = time.Minute
	// mostWarnings bounds the memory; the warning that was quiet for longest goes.
	mostWarnings = 512
)

// repeats decides which warnings and errors are written: each reason at once,
// then at intervals that grow while it goes on, with the number of those left
// out. Two warnings are the same when they have the same message and logger; two
// reasons when they differ in numbers alone, which for errors includes only the
// numbers within texts. Safe for concurrent use.
type repeats struct {
	mu  sync.Mutex
	all map[uint64]*warning
}

// warning is one message of one logger.
type warning struct {
	seen    time.Time
	leftOut int64 // since the last line of any reason
	reasons []reason
}

type reason struct {
	hash uint64
	seen time.Time
	next time.Time // when it is written again
	gap  time.Duration
}

func newRepeats() *repeats {
	return &repeats{all: map[uint64]*warning{}}
}

// seed makes equal hashes of equal texts in all handlers of the process.
var seed = maphash.MakeSeed()

// due reports whether a line is to be written, and how many of its warning were
// left out before it.
func (r *repeats) due(now time.Time, level slog.Level, origin uint64, message string, logger, attrs []slog.Attr) (leftOut int64, due bool) {
	severe := level >= slog.LevelError
	key := hashOf(origin^uint64(level), message, logger)
	hash := reasonOf(attrs, severe)
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.all[key]
	if w == nil {
		r.makeRoom()
		w = &warning{}
		r.all[key] = w
	}
	w.seen = now
	if !w.due(now, hash, severe) {
		w.leftOut++
		return 0, false
	}
	leftOut, w.leftOut = w.leftOut, 0
	return leftOut, true
}

func (w *warning) due(now time.Time, hash uint64, severe bool) bool {
	w.reasons = slices.DeleteFunc(w.reasons, func(known reason) bool { return now.Sub(known.seen) > quiet })
	for i := range w.reasons {
		known := &w.reasons[i]
		if known.hash != hash {
			continue
		}
		known.seen = now
		if now.Before(known.next) {
			return false
		}
		known.gap = min(2*known.gap, longestRepeat)
		known.next = now.Add(known.gap)
		return true
	}
	switch {
	case severe && len(w.reasons) >= errorReasons:
		w.reasons = slices.Delete(w.reasons, 0, 1)
	case !severe && len(w.reasons) >= warningReasons:
		return false
	}
	w.reasons = append(w.reasons, reason{hash: hash, seen: now, gap: firstRepeat, next: now.Add(firstRepeat)})
	return true
}

// makeRoom forgets the warning that was quiet for longest where there are too many.
func (r *repeats) makeRoom() {
	if len(r.all) < mostWarnings {
		return
	}
	var oldest uint64
	var seen time.Time
	for key, w := range r.all {
		if seen.IsZero() || w.seen.Before(seen) {
			oldest, seen = key, w.seen
		}
	}
	delete(r.all, oldest)
}

// reasonOf identifies what a line says besides its message. Numbers in texts do
// not count: ports, process ids, times.
func reasonOf(attrs []slog.Attr, severe bool) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, a := range attrs {
		switch a.Value.Kind() {
		case slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindDuration, slog.KindTime:
			if !severe {
				continue
			}
			_, _ = h.WriteString(a.Value.String())
		default:
			_, _ = h.WriteString(a.Key)
			writeWithoutDigits(&h, a.Value.String())
		}
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

func writeWithoutDigits(h *maphash.Hash, text string) {
	for text != "" {
		i := strings.IndexAny(text, "0123456789")
		if i < 0 {
			_, _ = h.WriteString(text)
			return
		}
		_, _ = h.WriteString(text[:i])
		text = strings.TrimLeft(text[i:], "0123456789")
	}
}

// hashOf adds a text and attributes to a hash.
func hashOf(before uint64, text string, attrs []slog.Attr) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, before))
	_, _ = h.WriteString(text)
	for _, a := range attrs {
		_ = h.WriteByte(0)
		_, _ = h.WriteString(a.Key)
		_ = h.WriteByte(0)
		_, _ = h.WriteString(a.Value.String())
	}
	return h.Sum64()
}
