package durability

import (
	"context"
	"errors"
	"slices"
	"time"
)

// restWithin bounds the wait for the workers.
const restWithin = time.Minute

// AtRest reads the state until the workers have caught up, and returns what is
// broken for good, and the state. Only counters and feeds may lag: whatever else
// is wrong stays wrong, but is read again with them.
func (w *World) AtRest(ctx context.Context, h History) ([]Violation, State, error) {
	for deadline := time.Now().Add(restWithin); ; {
		state, err := w.Read(ctx, h)
		if errors.Is(err, errUnavailable) && time.Now().Before(deadline) {
			pause(ctx, refusalPause) // the last strike was a moment ago
			continue
		}
		if err != nil {
			return nil, State{}, err
		}
		violations := Check(h, state)
		lagging := slices.ContainsFunc(violations, func(v Violation) bool { return v.Rule == "C1" || v.Rule == "T1" })
		if !lagging || time.Now().After(deadline) {
			return violations, state, nil
		}
	}
}
