package hashtag

import (
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxRunes bounds a tag or the name in a mention, in characters.
const MaxRunes = 64

// Kind says what a Span is.
type Kind int

const (
	// Tag is a word behind a #.
	Tag Kind = iota
	// Mention is a user's name behind an @.
	Mention
)

// Span is a tag or a mention in a text.
type Span struct {
	Kind Kind
	// Start and Length are in UTF-16 code units, as JavaScript, Java and Kotlin count;
	// the # or @ is part of it.
	Start, Length int
	// Value is the canonical tag, or the name as it is written.
	Value string
}

// Canonical returns the one spelling of a tag, with or without the # in front: NFKC
// and case folded. It is empty for what is no tag.
func Canonical(tag string) string {
	for _, sign := range []string{"#", "＃"} {
		if len(tag) > len(sign) && tag[:len(sign)] == sign {
			tag = tag[len(sign):]
			break
		}
	}
	folded := Fold(tag)
	n := wordLength(folded, Tag)
	if n != len(folded) || !hasLetter(folded) {
		return ""
	}
	return folded
}

// Find returns the tags and mentions of a text, in order. A # or @ counts where no word
// is before it: "a#b" and an e-mail address have none. What is longer than MaxRunes is
// no tag, and neither are digits alone.
func Find(text string) []Span {
	var spans []Span
	at, before := 0, ' ' // in UTF-16 code units
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		kind, sign := signOf(r)
		if sign && !isWord(before) {
			if n := wordLength(text[i+size:], kind); n > 0 {
				word := text[i+size : i+size+n]
				if s, ok := span(kind, word); ok {
					s.Start, s.Length = at, utf16Length(text[i:i+size+n])
					spans = append(spans, s)
					at += s.Length
					i += size + n
					before, _ = utf8.DecodeLastRuneInString(word)
					continue
				}
			}
		}
		at += max(utf16.RuneLen(r), 1)
		i += size
		before = r
	}
	return spans
}

// Tags returns the canonical tags of a text, sorted, each once.
func Tags(text string) []string {
	var tags []string
	for _, s := range Find(text) {
		if s.Kind == Tag {
			tags = append(tags, s.Value)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func span(kind Kind, word string) (Span, bool) {
	if utf8.RuneCountInString(word) > MaxRunes {
		return Span{}, false
	}
	if kind == Mention {
		return Span{Kind: kind, Value: word}, true
	}
	value := Canonical(word)
	return Span{Kind: kind, Value: value}, value != ""
}

func signOf(r rune) (Kind, bool) {
	switch r {
	case '#', '＃':
		return Tag, true
	case '@', '＠':
		return Mention, true
	default:
		return 0, false
	}
}

// wordLength is the length in bytes of the word that a text begins with.
func wordLength(text string, kind Kind) int {
	for i, r := range text {
		if !isWord(r) && (kind != Mention || r != '.' && r != '-') {
			return i
		}
	}
	return len(text)
}

// isWord reports whether a character is part of a tag: letters, with the marks on
// them, digits, and the underscore.
func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}

func hasLetter(text string) bool {
	for _, r := range text {
		if unicode.IsLetter(r) {
			return true
		}
	}
	return false
}

// Fold returns a text in NFKC and case folded. It is stable under a second
// application: folding can decompose, and composing can bring a letter that folds again.
func Fold(text string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text)))
}

func utf16Length(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}
