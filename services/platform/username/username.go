// Package username says when two spellings are one name. Whoever counts attempts
// per name and whoever stores accounts under names ask here, so that no spelling
// opens an account without counting against its budget.
package username

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxBytes bounds the spelling of a name, without the blanks around it. No longer
// one is any account's: 256 characters fit, however many bytes each has.
const MaxBytes = 256 * utf8.UTFMax

// Key returns what names are compared by, "" for what is longer than MaxBytes.
// Two spellings have one key when they differ only in case, in blanks around and
// between words, in compatibility forms (Unicode's NFKC: a full-width letter and a
// letter) and in characters that nobody sees. The key of a key is itself.
//
// For nearly all names that are in NFKC already it equals Folded, under which
// accounts were stored before; a Greek iota and letters like ß differ.
func Key(name string) string {
	name = strings.TrimSpace(name)
	if len(name) > MaxBytes {
		return ""
	}
	if ascii(name) {
		return Folded(collapsed(name))
	}
	name = cases.Fold().String(norm.NFKC.String(name))
	name = strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, name)
	return strings.ReplaceAll(Folded(collapsed(norm.NFKC.String(name))), foldedIota, "Ι")
}

// Shown returns a name as others see it: in NFKC, in its own case, and without
// blanks around it.
func Shown(name string) string { return strings.TrimSpace(norm.NFKC.String(strings.TrimSpace(name))) }

// foldedIota is the smallest character that differs from an iota only in case: a
// mark that joins and moves around others, so that a key with it would not stay
// itself in NFKC.
const foldedIota = "\u0345"

// Folded returns a name without blanks around it, each character replaced by the
// smallest one that differs from it only in case. Two are equal exactly when
// strings.EqualFold says so of the names.
func Folded(name string) string { return strings.Map(foldRune, strings.TrimSpace(name)) }

func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// Acceptable reports whether a new name may have the character: one that
// everybody sees, or a space. Unicode never changes how characters fold and
// compose that it has assigned, so of those it has not none is taken: keys that
// are stored stay right.
func Acceptable(r rune) bool { return unicode.IsPrint(r) && !ignorable(r) && !blank(r) }

// Visible reports whether a new name has something to be seen by: a mark alone
// needs a letter to stand on.
func Visible(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return Acceptable(r) && r != ' ' && !unicode.IsMark(r) })
}

// ignorable reports whether a character shows nothing by itself: Unicode's
// Default_Ignorable_Code_Point (joiners, bidirectional controls, variation
// selectors, Hangul fillers) and other format characters.
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// blank reports whether a character is drawn as nothing though Unicode counts it
// among letters, marks and symbols.
func blank(r rune) bool {
	switch r {
	case '\u2800', // braille pattern blank
		'\uFFFC',     // object replacement character
		'\U00013441', // Egyptian hieroglyph full blank
		'\U00013442', // Egyptian hieroglyph half blank
		'\U00016FE4', // Khitan small script filler
		'\U0001D159': // musical symbol null notehead
		return true
	}
	return false
}

// collapsed has one space where there are several blanks.
func collapsed(name string) string { return strings.Join(strings.Fields(name), " ") }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
