package durability_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"douyin.dev/test/durability"
)

// A set or a read of one register, between two moments.
func call(set, value, unknown bool, began, ended int) durability.Touch {
	return durability.Touch{
		Register: "r", Set: set, Value: value, Unknown: unknown,
		Began: time.Duration(began), Ended: time.Duration(ended),
	}
}

func TestRegistersAreJudgedByTheirOrder(t *testing.T) {
	t.Parallel()
	const set, read, on, off = true, false, true, false
	unknown := func(value bool, began, ended int) durability.Touch { return call(set, value, true, began, ended) }
	known := func(what, value bool, began, ended int) durability.Touch {
		return call(what, value, false, began, ended)
	}
	for _, c := range []struct {
		name string
		good bool
		all  []durability.Touch
	}{
		{"Nothing", true, nil},
		{"ReadsTheBeginning", true, []durability.Touch{known(read, off, 1, 2)}},
		{"ReadsWhatWasSet", true, []durability.Touch{known(set, on, 1, 2), known(read, on, 3, 4)}},
		{"LostWrite", false, []durability.Touch{known(set, on, 1, 2), known(read, off, 3, 4)}},
		{"MadeUp", false, []durability.Touch{known(read, on, 1, 2)}},
		{"ReadsFromTheFuture", false, []durability.Touch{known(read, on, 1, 2), known(set, on, 3, 4)}},
		{"AtTheSameTimeEitherWay", true, []durability.Touch{known(set, on, 1, 10), known(read, on, 2, 3), known(read, on, 4, 5)}},
		{"BackAndForthByOneWrite", false, []durability.Touch{known(set, on, 1, 10), known(read, on, 2, 3), known(read, off, 4, 5)}},
		{"StaleRead", false, []durability.Touch{known(set, on, 1, 2), known(set, off, 3, 4), known(read, off, 5, 6), known(read, on, 7, 8)}},
		{"UnknownTookEffect", true, []durability.Touch{unknown(on, 1, 5), known(read, on, 6, 7)}},
		{"UnknownTookNone", true, []durability.Touch{unknown(on, 1, 5), known(read, off, 6, 7)}},
		{"UnknownDecidedLater", true, []durability.Touch{unknown(on, 1, 20), known(read, off, 6, 7), known(read, on, 8, 9)}},
		{"UnknownAfterItsEnd", false, []durability.Touch{unknown(on, 1, 5), known(read, off, 6, 7), known(read, on, 8, 9)}},
		{"UnknownNeverUndone", false, []durability.Touch{
			unknown(on, 1, int(durability.Never)), known(read, on, 6, 7), known(read, off, 8, 9),
		}},
		{"OtherRegister", true, []durability.Touch{known(set, on, 1, 2), {Register: "other", Began: 3, Ended: 4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if found := durability.CheckRegisters(c.all); (len(found) == 0) != c.good {
				t.Errorf("found %v", found)
			}
		})
	}
}

// Whatever happens at one moment within each call is accepted; what a register
// that forgets one write answers is not.
func TestHonestRegisterPassesAndForgetfulOneFails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var honest []durability.Touch
		state, at := false, 0
		for range rapid.IntRange(1, 80).Draw(t, "calls") {
			at += rapid.IntRange(1, 5).Draw(t, "later")
			set, value := rapid.Bool().Draw(t, "set"), rapid.Bool().Draw(t, "value")
			unknown := set && rapid.IntRange(0, 9).Draw(t, "lost") == 0
			if set && !(unknown && rapid.Bool().Draw(t, "none")) {
				state = value
			}
			if !set {
				value = state
			}
			before, after := rapid.IntRange(0, 12).Draw(t, "before"), rapid.IntRange(0, 12).Draw(t, "after")
			honest = append(honest, call(set, value, unknown, max(0, at-before), at+after))
		}
		if found := durability.CheckRegisters(honest); len(found) != 0 {
			t.Fatalf("an honest register: %v", found)
		}
		// At the end, with nobody else around: a write that is not there.
		end := at + 100
		forgetful := append(honest, call(true, !state, false, end, end+1), call(false, state, false, end+2, end+3))
		if len(durability.CheckRegisters(forgetful)) == 0 {
			t.Fatal("a lost write goes unseen")
		}
	})
}
