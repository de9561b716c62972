package durability

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// Touch is one call on a register that several clients of one user share: a
// like of a video or a follow of a user, which is there or not.
type Touch struct {
	// Register says which.
	Register string
	Client   int
	// Set says whether the call writes Value; else it read Value.
	Set   bool
	Value bool
	// Unknown calls may have taken effect, or not. A read is never unknown.
	Unknown bool
	// Began and Ended enclose the moment of the effect, on one clock. An unknown
	// call ends when it can have no effect any more.
	Began, Ended time.Duration
}

// Never is the end of an unknown call that may still take effect.
const Never = time.Duration(math.MaxInt64)

// patienceOfChecker bounds the search for an order.
const patienceOfChecker = 5 * time.Minute

// CheckRegisters says which registers had no linearizable history: there is no
// order of the calls that agrees with their times and in which each read finds
// what was written last (D5).
func CheckRegisters(touches []Touch) []Violation {
	byRegister := map[string][]porcupine.Operation{}
	for _, t := range touches {
		byRegister[t.Register] = append(byRegister[t.Register], porcupine.Operation{
			ClientId: t.Client, Input: t, Call: int64(t.Began), Output: nil, Return: int64(t.Ended),
		})
	}
	model := register().ToModel()
	var found []Violation
	for name, history := range byRegister {
		switch porcupine.CheckOperationsTimeout(model, history, patienceOfChecker) {
		case porcupine.Ok:
		case porcupine.Illegal:
			found = append(found, Violation{"D5", fmt.Sprintf("%s: %d calls have no order that explains what was read", name, len(history))})
		default:
			found = append(found, Violation{"D5", fmt.Sprintf("%s: %d calls could not be decided in %s", name, len(history), patienceOfChecker)})
		}
	}
	return found
}

// register is a boolean that begins as false. An unknown write leaves both.
func register() *porcupine.NondeterministicModel {
	return &porcupine.NondeterministicModel{
		Init: func() []any { return []any{false} },
		Step: func(state, input, _ any) []any {
			switch t := input.(Touch); {
			case t.Set && t.Unknown && t.Value != state.(bool):
				return []any{state, t.Value}
			case t.Set:
				return []any{t.Value}
			case t.Value == state.(bool):
				return []any{state}
			default:
				return nil
			}
		},
	}
}
