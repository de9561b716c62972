package username_test

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"douyin.dev/services/platform/username"
)

// names draws what is hard: letters with more than two cases, ones that are
// longer in another case, compatibility forms, marks that join and move, blanks.
func names() *rapid.Generator[string] {
	hard := rapid.SampledFrom([]rune("aAbkKKsSſßẞσςΣΘθϑϴiIıİéÉe\u0301\u0308\u0327ιΙᾳᾼαΑμµΜΩΩﬁﷺǅŉẖＡａ①字가\u1100\u1161 \t\u00a0\u1680\u3000\u200b\u200d\u202e\ufe0f\u034f\u3164\u2800😀ꮿᏯ"))
	return rapid.OneOf(rapid.StringOfN(hard, 0, 8, -1), rapid.StringOfN(rapid.Rune(), 0, 8, -1))
}

func TestKeyOfAKeyIsItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := names().Draw(t, "name")
		if key := username.Key(name); username.Key(key) != key {
			t.Fatalf("%+q has the key %+q, and that %+q", name, key, username.Key(key))
		}
	})
}

// An account may be stored under what its name was compared by before, and then
// its budget must be the same.
func TestBudgetOfAnAccountStoredBeforeIsTheNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := names().Draw(t, "name")
		if a, b := username.Key(name), username.Key(username.Folded(name)); a != b && !strings.ContainsAny(name, "\u0345ιΙ\u1fbe") {
			t.Fatalf("%+q has the key %+q, and as stored before %+q", name, a, b)
		}
	})
}

func TestShownNameIsTheSameName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := names().Draw(t, "name")
		shown := username.Shown(name)
		if username.Key(shown) != username.Key(name) || username.Shown(shown) != shown {
			t.Fatalf("%+q is shown as %+q: keys %+q and %+q, and shown again %+q",
				name, shown, username.Key(name), username.Key(shown), username.Shown(shown))
		}
	})
}

func TestNamesThatDifferOnlyInCaseAreOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := names().Draw(t, "a"), names().Draw(t, "b")
		if (strings.EqualFold(a, b) || username.Folded(a) == username.Folded(b)) && username.Key(a) != username.Key(b) {
			t.Fatalf("%+q and %+q are two names", a, b)
		}
	})
}

func TestSpellingsOfOneName(t *testing.T) {
	t.Parallel()
	for _, spellings := range [][]string{
		{"ada", "ADA", " ada", "ada ", "\u00a0ada", "ada\u3000", "ａｄａ", "a\u200bda", "\u202eada", "ad\ufe0fa", "\u3164ada", "a\u034fda"},
		{"sam", "ſam", "SAM"},
		{"Ada Lovelace", "ada  lovelace", "ada\u00a0lovelace", "ada\u3000\u3000LOVELACE", "ada\tlovelace"},
		{"kelvin", "\u212aelvin"},
		{"caf\u00e9", "cafe\u0301", "CAFE\u0301"},
		{"stra\u00dfe", "STRASSE", "stra\u1e9ee"},
		{"\ufb01sh", "fish"},
		{"\u03bfδυσσε\u03cdς", "ΟΔΥΣΣΕ\u038eΣ"},
	} {
		for _, s := range spellings[1:] {
			if a, b := username.Key(spellings[0]), username.Key(s); a != b || a == "" {
				t.Errorf("%+q has the key %+q and %+q the key %+q", spellings[0], a, s, b)
			}
		}
	}
	// Two names stay two.
	for a, b := range map[string]string{"ada": "a da", "ada1": "ada2", "名": "各", "resume": "r\u00e9sum\u00e9", "\u2800": "x"} {
		if username.Key(a) == username.Key(b) {
			t.Errorf("%+q and %+q are one", a, b)
		}
	}
}

// What nearly all accounts are stored under stays what it was.
func TestPlainNamesKeepTheirKeys(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ada", "Ada Lovelace", "张三", "Émile", "ΑΛΕΞΗΣ", "Иван", "ada_99", "😀", "김철수", "naïve"} {
		if username.Key(name) != username.Folded(name) {
			t.Errorf("%q was stored under %+q and is looked for under %+q", name, username.Folded(name), username.Key(name))
		}
	}
}

func TestLongSpellingsAreNobodys(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]bool{username.MaxBytes - 1: true, username.MaxBytes: true, username.MaxBytes + 1: false} {
		if got := username.Key(" "+strings.Repeat("x", n)+" ") != ""; got != want {
			t.Errorf("%d bytes are a name: %v", n, got)
		}
	}
}

func TestWhatNobodySeesIsNotAcceptable(t *testing.T) {
	t.Parallel()
	for _, r := range "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\u206f\u2800\u3164\ufe00\ufe0f\ufeff\uffa0\ufff9\ufffc\U0001d159\U0001d173\U000e0001\U000e0100" +
		"\u00a0\u1680\u2003\u3000\x00\t\n\x7f\u0085\ue000\U0010ffff\u0378" {
		if username.Acceptable(r) {
			t.Errorf("%U is acceptable", r)
		}
		if username.Visible(string(r)) {
			t.Errorf("%U is visible", r)
		}
	}
	for _, r := range "aÉ字😀1_-.'\u0301\u0e31€" {
		if !username.Acceptable(r) {
			t.Errorf("%U is not acceptable", r)
		}
	}
	for text, want := range map[string]bool{"": false, " ": false, "\u0301": false, "a": true, "\u0301a": true, "。": true, "🙂": true} {
		if got := username.Visible(text); got != want {
			t.Errorf("%+q is visible: %v", text, got)
		}
	}
}

// Nobody can register what looks like another's name with something unseen in it.
func TestAcceptableNamesAreTheirKeysButForCaseAndBlanks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shown := username.Shown(names().Draw(t, "name"))
		if strings.ContainsFunc(shown, func(r rune) bool { return !username.Acceptable(r) }) {
			return
		}
		for _, r := range username.Key(shown) {
			if !unicode.IsPrint(r) {
				t.Fatalf("the key of %+q has %U", shown, r)
			}
		}
	})
}
