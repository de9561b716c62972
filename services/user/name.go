package user

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"douyin.dev/services/platform/fault"
)

// nameKey returns what names are compared by: each character is replaced by the
// smallest one that differs from it only in case. Two keys are equal exactly
// when strings.EqualFold says so of the names. Unicode never changes how
// characters fold that it has assigned, so stored keys stay right.
func nameKey(name string) string {
	return strings.Map(foldRune, strings.TrimSpace(name))
}

func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// storable reports whether Postgres can hold the text and a page can show it.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// checkName returns the name as it will be shown.
func (c Config) checkName(username string) (string, error) {
	name := strings.TrimSpace(username)
	if n := utf8.RuneCountInString(name); n < 1 || n > c.UsernameMax {
		return "", fault.Invalid("username", fmt.Sprintf("must have 1 to %d characters", c.UsernameMax))
	}
	if !storable(name) {
		return "", fault.Invalid("username", "must not have control characters")
	}
	return name, nil
}

// checkPassword bounds a new password. It is taken as it is: no trimming.
func (c Config) checkPassword(field, password string) error {
	if n := utf8.RuneCountInString(password); n < c.PasswordMin || n > c.PasswordMax {
		return fault.Invalid(field, fmt.Sprintf("must have %d to %d characters", c.PasswordMin, c.PasswordMax))
	}
	return nil
}
