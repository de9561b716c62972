package user

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNamesAreOneExactlyWhenTheyDifferInCaseOnly(t *testing.T) {
	t.Parallel()
	// Letters with more than two cases, and ones whose upper case is longer.
	letters := rapid.SampledFrom([]rune("aAbkKKsSſßẞσςΣΘθϑϴiIıİéÉ字😀"))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringOfN(letters, 1, 4, -1), rapid.String())
		a, b := strings.TrimSpace(name.Draw(t, "a")), strings.TrimSpace(name.Draw(t, "b"))
		if got, want := nameKey(a) == nameKey(b), strings.EqualFold(a, b); got != want {
			t.Fatalf("%q and %q: one name %v, want %v", a, b, got, want)
		}
		if nameKey(nameKey(a)) != nameKey(a) {
			t.Fatalf("the key of %q is not its own key", a)
		}
	})
}
