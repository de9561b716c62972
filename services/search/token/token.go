package token

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"douyin.dev/services/platform/hashtag"
)

const (
	// maxWord bounds a word, in characters; what is longer is cut.
	maxWord = 64
	// maxTerms bounds the words and runs of a query.
	maxTerms = 16
	// maxPosition is the last position of a tsvector.
	maxPosition = 16383
)

// simplified maps traditional characters to simplified ones.
var simplified = readPairs(simplifiedPairs)

func readPairs(pairs string) map[rune]rune {
	all := []rune(pairs)
	m := make(map[rune]rune, len(all)/2)
	for i := 0; i+1 < len(all); i += 2 {
		m[all[i]] = all[i+1]
	}
	return m
}

// Fold returns the one spelling under which a text is found.
func Fold(text string) string {
	return strings.Map(func(r rune) rune {
		if s, ok := simplified[r]; ok {
			return s
		}
		return r
	}, hashtag.Fold(text))
}

// Document returns a text as the input of a tsvector, for example
// 'hello':1 '你':2 '你好':2 '好':3.
func Document(text string) string {
	var b strings.Builder
	position := 0
	for _, w := range cut(Fold(text)) {
		for i, r := range w.runes() {
			if position == maxPosition {
				return b.String()
			}
			position++
			write(&b, r, position)
			if w.unspaced && i+1 < w.n {
				write(&b, w.pair(i), position)
			}
		}
	}
	return b.String()
}

func write(b *strings.Builder, word string, position int) {
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(quoted(word))
	b.WriteByte(':')
	b.WriteString(strconv.Itoa(position))
}

// Query is a text as it is searched for.
type Query struct {
	// All matches documents that have every word, Some those that have one of them, as
	// inputs of a tsquery. Both are empty for a text without any word.
	All, Some string
}

// Parse returns the query of a text. The last word may go on, where prefix says so: it
// is still being typed.
func Parse(text string, prefix bool) Query {
	words := cut(Fold(text))
	if len(words) > maxTerms {
		words = words[:maxTerms]
	}
	all, some := make([]string, len(words)), make([]string, 0, len(words))
	for i, w := range words {
		all[i] = w.phrase(prefix && i == len(words)-1)
		some = append(some, w.alternatives()...)
	}
	return Query{All: strings.Join(all, " & "), Some: strings.Join(some, " | ")}
}

// word is a word of a spaced script, or a run of an unspaced one.
type word struct {
	text     string
	unspaced bool
	n        int // characters of an unspaced run
}

// runes are the characters of a run, or the word itself.
func (w word) runes() []string {
	if !w.unspaced {
		return []string{w.text}
	}
	all := make([]string, 0, w.n)
	for _, r := range w.text {
		all = append(all, string(r))
	}
	return all
}

// pair is the i-th character of a run and the next.
func (w word) pair(i int) string { return string([]rune(w.text)[i : i+2]) }

// phrase matches the word, or all pairs of a run one behind the other.
func (w word) phrase(prefix bool) string {
	if !w.unspaced {
		if prefix {
			return quoted(w.text) + ":*"
		}
		return quoted(w.text)
	}
	if w.n == 1 {
		return quoted(w.text)
	}
	pairs := make([]string, w.n-1)
	for i := range pairs {
		pairs[i] = quoted(w.pair(i))
	}
	return strings.Join(pairs, " <-> ")
}

// alternatives match the word, or one pair of a run.
func (w word) alternatives() []string {
	if !w.unspaced || w.n == 1 {
		return []string{quoted(w.text)}
	}
	pairs := make([]string, 0, w.n-1)
	for i := range w.n - 1 {
		pairs = append(pairs, quoted(w.pair(i)))
	}
	return pairs
}

// cut returns the words and runs of a folded text.
func cut(text string) []word {
	var words []word
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !isWord(r) || r == utf8.RuneError {
			i += size
			continue
		}
		w := word{unspaced: isUnspaced(r)}
		begin := i
		for i < len(text) && w.n < maxWord {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError || !isWord(r) || !unicode.IsMark(r) && isUnspaced(r) != w.unspaced {
				break
			}
			i += size
			w.n++
		}
		w.text = text[begin:i]
		words = append(words, w)
	}
	return words
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// isUnspaced reports whether a script is written without spaces between words. The
// prolonged sound mark of Kana belongs to no script.
func isUnspaced(r rune) bool {
	return r >= 0x1100 && (r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul))
}

// quoted is a word as tsvector and tsquery read it. Words have no quotes and
// backslashes: they are letters, marks and digits.
func quoted(word string) string { return "'" + word + "'" }
