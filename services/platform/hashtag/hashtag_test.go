package hashtag_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/hashtag"
)

func ExampleFind() {
	for _, s := range hashtag.Find("😀 Sunday with #Cats and @alice") {
		fmt.Println(s.Kind == hashtag.Tag, s.Start, s.Length, s.Value)
	}
	// Output:
	// true 15 5 cats
	// false 25 6 alice
}

func TestWhatIsATagAndAMention(t *testing.T) {
	t.Parallel()
	tag := func(start, length int, value string) hashtag.Span {
		return hashtag.Span{Start: start, Length: length, Value: value}
	}
	mention := func(start, length int, value string) hashtag.Span {
		return hashtag.Span{Kind: hashtag.Mention, Start: start, Length: length, Value: value}
	}
	for text, want := range map[string][]hashtag.Span{
		"":                            nil,
		"no tag":                      nil,
		"#":                           nil,
		"# a":                         nil,
		"a#b":                         nil,
		"me@example.org":              nil,
		"#1":                          nil,
		"#1st":                        {tag(0, 4, "1st")},
		"#Cats,#DOGS":                 {tag(0, 5, "cats"), tag(6, 5, "dogs")},
		"#猫猫 很可爱":                     {tag(0, 3, "猫猫")},
		"今天，#ＴＯＫＹＯ！":                  {tag(3, 6, "tokyo")},
		"＃全角 ＠名前":                     {tag(0, 3, "全角"), mention(4, 3, "名前")},
		"#straße":                     {tag(0, 7, "strasse")},
		"@demo_tao: hi":               {mention(0, 9, "demo_tao")},
		"#हिन्दी":                     {tag(0, 7, "हिन्दी")},
		"##x":                         {tag(1, 2, "x")},
		"#" + strings.Repeat("a", 64): {tag(0, 65, strings.Repeat("a", 64))},
		"#" + strings.Repeat("a", 65): nil,
	} {
		if diff := cmp.Diff(want, hashtag.Find(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestATagHasOneSpelling(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{"Café", "#café", "＃CAFE\u0301", "ｃａｆé"} {
		if got := hashtag.Canonical(spelling); got != "café" {
			t.Errorf("%q is %q", spelling, got)
		}
	}
	for _, none := range []string{"", "#", "a b", "12", "a#b", "-"} {
		if got := hashtag.Canonical(none); got != "" {
			t.Errorf("%q is %q, want no tag", none, got)
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, hashtag.Tags("#b #A #a @c")); diff != "" {
		t.Error(diff)
	}
}

// FuzzFind: spans lie in the text, in order, and begin with their sign; a tag's value
// is its own canonical spelling.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{"#a @b", "＃全角", "😀#x", "#\xff", "#a\u0301", "##", "#ﬁ", "@a.b-c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		units, end := utf16.Encode([]rune(text)), 0
		for _, s := range hashtag.Find(text) {
			if s.Start < end || s.Length < 2 || s.Start+s.Length > len(units) {
				t.Fatalf("%q: %+v lies outside of the text or before %d", text, s, end)
			}
			if sign := rune(units[s.Start]); !strings.ContainsRune("#＃@＠", sign) {
				t.Errorf("%q: %+v begins with %q", text, s, sign)
			}
			if s.Kind == hashtag.Tag && hashtag.Canonical(s.Value) != s.Value {
				t.Errorf("%q: tag %q has the spelling %q", text, s.Value, hashtag.Canonical(s.Value))
			}
			end = s.Start + s.Length
		}
	})
}
