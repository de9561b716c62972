package token_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"douyin.dev/services/search/token"
)

func ExampleDocument() {
	fmt.Println(token.Document("Hello, 世界和平!"))
	// Output:
	// 'hello':1 '世':2 '世界':2 '界':3 '界和':3 '和':4 '和平':4 '平':5
}

func ExampleParse() {
	q := token.Parse("世界和 hel", true)
	fmt.Println(q.All)
	fmt.Println(q.Some)
	// Output:
	// '世界' <-> '界和' & 'hel':*
	// '世界' | '界和' | 'hel'
}

func TestSpellingsOfATextAreOne(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"café":    {"CAFÉ", "cafe\u0301", "ｃａｆé"},
		"汉字学习":    {"漢字學習", "汉字学习"},
		"strasse": {"Straße", "STRASSE"},
	} {
		for _, s := range spellings {
			if got := token.Fold(s); got != want {
				t.Errorf("%q is folded to %q, want %q", s, got, want)
			}
		}
	}
}

// FuzzTokens: whatever the text, it folds to one spelling, and its words are such that
// Postgres reads them: quoted, without quotes inside, at rising positions.
func FuzzTokens(f *testing.F) {
	for _, seed := range []string{"", "a b", "世界", "ｶﾞ", "o'clock \\", "a\u0300\u0301", "\xff\xfe", "ﬃ 龍", strings.Repeat("界", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		document, query := token.Document(text), token.Parse(text, true)
		if (document == "") != (query.All == "") || (query.All == "") != (query.Some == "") {
			t.Errorf("%q has the words %q and the queries %+v", text, document, query)
		}
		for _, part := range []string{document, query.All, query.Some} {
			if !utf8.ValidString(part) || strings.Count(part, "'")%2 != 0 || strings.ContainsAny(part, "\\\x00") {
				t.Errorf("%q gives %q", text, part)
			}
		}
		for _, word := range strings.Fields(document) {
			quoted, _, ok := strings.Cut(word, ":")
			if !ok || len(quoted) < 3 || quoted[0] != '\'' || quoted[len(quoted)-1] != '\'' {
				t.Errorf("%q has the word %q", text, word)
			}
		}
	})
}
