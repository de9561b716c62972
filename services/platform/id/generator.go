package id

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/sonyflake/v2"
)

const (
	// Max bounds ids: every id is in (0, Max).
	Max = 1 << 53
	// Machines is how many machine numbers there are.
	Machines = 1 << machineBits

	machineBits  = 10
	sequenceBits = 4

	// clockPatience is how far the wall clock may step back before Next refuses.
	// Up to it sonyflake waits for the time to come again.
	clockPatience = 100 * time.Millisecond
)

// epoch is when ids begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	// ErrNoLease says that this process may not use its machine number now.
	ErrNoLease = errors.New("machine number is not leased")
	// ErrClockBack says that the wall clock went back behind the newest id.
	ErrClockBack = errors.New("clock went back behind the newest id")
)

// Source says which machine number may be used at this moment.
type Source interface {
	// Machine returns a number in [0, Machines), or an error when none may be used.
	Machine() (int, error)
}

// Fixed is a machine number that somebody else keeps unique: for tests, and
// for a process that is alone by other means.
type Fixed int

// Machine implements Source.
func (f Fixed) Machine() (int, error) { return int(f), nil }

// Generator makes ids, at most 16 in a millisecond. It is safe for concurrent use.
type Generator struct {
	source Source
	now    func() time.Time

	mu      sync.Mutex
	machine int
	flake   *sonyflake.Sonyflake
	newest  time.Time // of the newest id; every id of this process is older or equal
}

// New returns a generator that uses the machine number of source.
func New(source Source) *Generator {
	return &Generator{source: source, now: time.Now}
}

// Next returns a new id. It fails with ErrNoLease or ErrClockBack rather than
// make an id that may exist.
func (g *Generator) Next() (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.prepare(); err != nil {
		return 0, err
	}
	if back := g.newest.Sub(g.now()); back > clockPatience {
		return 0, fmt.Errorf("%w by %v", ErrClockBack, back)
	}
	id, err := g.flake.NextID()
	if err != nil {
		return 0, fmt.Errorf("next id: %w", err)
	}
	g.newest = g.flake.ToTime(id)
	// Only now is it known that the lease covered the time written in the id:
	// the process may have stood still since prepare looked.
	machine, err := g.source.Machine()
	if err != nil {
		return 0, err
	}
	if machine != g.machine {
		return 0, fmt.Errorf("%w: it changed meanwhile", ErrNoLease)
	}
	if id <= 0 || id >= Max {
		return 0, fmt.Errorf("id %d is out of range: the clock is before 2026 or after June 2043", id)
	}
	return id, nil
}

// prepare has a flake for the machine number of this moment.
func (g *Generator) prepare() error {
	machine, err := g.source.Machine()
	if err != nil {
		return err
	}
	if g.flake != nil && machine == g.machine {
		return nil
	}
	flake, err := sonyflake.New(sonyflake.Settings{
		BitsSequence:  sequenceBits,
		BitsMachineID: machineBits,
		TimeUnit:      time.Millisecond,
		StartTime:     epoch,
		MachineID:     func() (int, error) { return machine, nil },
	})
	if err != nil {
		return fmt.Errorf("id generator: %w", err)
	}
	g.flake, g.machine = flake, machine
	return nil
}

// Time returns when an id was made, to the millisecond.
func Time(id int64) time.Time {
	return epoch.Add(time.Duration(id>>(sequenceBits+machineBits)) * time.Millisecond)
}
