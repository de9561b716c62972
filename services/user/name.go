package user

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/username"
)

// storable reports whether Postgres can hold the text and a page can show it.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// checkName returns the name as it will be shown. Its characters are counted, and
// judged, as others see them.
func (c Config) checkName(spelled string) (string, error) {
	if !utf8.ValidString(spelled) {
		return "", fault.Invalid("username", "must be UTF-8")
	}
	name := username.Shown(spelled)
	if n := utf8.RuneCountInString(name); n < 1 || n > c.UsernameMax {
		return "", fault.Invalid("username", fmt.Sprintf("must have 1 to %d characters", c.UsernameMax))
	}
	for _, r := range name {
		if !username.Acceptable(r) {
			return "", fault.Invalid("username", fmt.Sprintf("must have only characters that everybody sees: %U is none", r))
		}
	}
	if !username.Visible(name) {
		return "", fault.Invalid("username", "must have a character that can be seen")
	}
	return name, nil
}

// checkPassword bounds a new password. It is taken as it is, but for how its
// letters are composed: no trimming.
func (c Config) checkPassword(field, password string) error {
	if n := utf8.RuneCountInString(norm.NFC.String(password)); n < c.PasswordMin || n > c.PasswordMax {
		return fault.Invalid(field, fmt.Sprintf("must have %d to %d characters", c.PasswordMin, c.PasswordMax))
	}
	return nil
}
