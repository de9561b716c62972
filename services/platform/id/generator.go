package id

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// Max bounds ids: every id is in (0, Max).
	Max = 1 << 53
	// Machines is how many machine numbers there are.
	Machines = 1 << machineBits

	machineBits  = 10
	sequenceBits = 4
	sequences    = 1 << sequenceBits
)

// epoch is when ids begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ErrNoLease says that this process may not use its machine number now.
var ErrNoLease = errors.New("machine number is not leased")

// Source says which machine number may be used at this moment, and which moment
// that is for all who use the number.
type Source interface {
	// Machine returns a number in [0, Machines) and the time to write into an id, or
	// an error when none may be used. The time goes back by some milliseconds at
	// most, whatever clocks do.
	Machine() (number int, now time.Time, err error)
}

// Fixed is a machine number that somebody else keeps unique: for tests, and for a
// process that is alone by other means. Its time is the machine's from when it was
// made on, and does not step with it.
func Fixed(number int) Source { return fixed{number, time.Now()} }

type fixed struct {
	number int
	began  time.Time
}

func (f fixed) Machine() (int, time.Time, error) {
	return f.number, f.began.Add(time.Since(f.began)), nil
}

// Generator makes ids, at most 16 in a millisecond. It is safe for concurrent use.
type Generator struct {
	source Source

	mu       sync.Mutex
	newest   int64 // milliseconds since the epoch in the newest id
	sequence int64 // of the newest id in its millisecond
}

// New returns a generator that uses the machine number of source.
func New(source Source) *Generator { return &Generator{source: source} }

// Next returns a new id. It fails with ErrNoLease rather than make an id that may
// exist.
func (g *Generator) Next() (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	machine, now, err := g.source.Machine()
	if err != nil {
		return 0, err
	}
	if machine < 0 || machine >= Machines {
		return 0, fmt.Errorf("machine number %d is not in [0, %d)", machine, Machines)
	}
	g.advance(now)
	// Only now is it known that the lease covered the time written in the id: the
	// process may have stood still since the source looked.
	again, _, err := g.source.Machine()
	if err != nil {
		return 0, err
	}
	if again != machine {
		return 0, fmt.Errorf("%w: it changed meanwhile", ErrNoLease)
	}
	id := g.newest<<(sequenceBits+machineBits) | g.sequence<<machineBits | int64(machine)
	if id <= 0 || id >= Max {
		return 0, fmt.Errorf("id %d is out of range: the clock is before 2026 or after June 2043", id)
	}
	return id, nil
}

// advance moves on to the next millisecond and sequence, and waits for a
// millisecond that has not come yet.
func (g *Generator) advance(now time.Time) {
	if at := now.Sub(epoch).Milliseconds(); at > g.newest {
		g.newest, g.sequence = at, 0
		return
	}
	if g.sequence++; g.sequence < sequences {
		return
	}
	g.newest, g.sequence = g.newest+1, 0
	if ahead := epoch.Add(time.Duration(g.newest) * time.Millisecond).Sub(now); ahead > 0 {
		time.Sleep(ahead)
	}
}

// Time returns when an id was made, to the millisecond.
func Time(id int64) time.Time {
	return epoch.Add(time.Duration(id>>(sequenceBits+machineBits)) * time.Millisecond)
}
