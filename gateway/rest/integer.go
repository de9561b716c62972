package rest

import (
	"math"
	"strconv"
	"strings"
)

// maxID is the largest public id: ids are in (0, 2^53), so that a client that
// keeps numbers as float64 keeps them whole.
const maxID = 1<<53 - 1

// decimal is a number as clients write it: digits, perhaps a fraction and an
// exponent. Its value is 0.digits × 10^point.
type decimal struct {
	digits string // without leading and trailing zeros
	point  int
}

// maxExponent bounds what an exponent is counted to. Any number beyond it is
// out of every range here.
const maxExponent = 10_000

// parseDecimal reads `\d+(\.\d+)?([eE][+-]?\d+)?`. There is no sign: no
// parameter is negative.
func parseDecimal(s string) (decimal, bool) {
	whole, rest := leadingDigits(s)
	if whole == "" {
		return decimal{}, false
	}
	var fraction string
	if strings.HasPrefix(rest, ".") {
		if fraction, rest = leadingDigits(rest[1:]); fraction == "" {
			return decimal{}, false
		}
	}
	exponent, ok := parseExponent(rest)
	if !ok {
		return decimal{}, false
	}
	digits := whole + fraction
	significant := strings.TrimLeft(digits, "0")
	point := len(whole) - (len(digits) - len(significant)) + exponent
	return decimal{digits: strings.TrimRight(significant, "0"), point: point}, true
}

func leadingDigits(s string) (digits, rest string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

// parseExponent reads "", or e and an integer.
func parseExponent(s string) (int, bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return 0, false
	}
	s = s[1:]
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	digits, rest := leadingDigits(s)
	if digits == "" || rest != "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > maxExponent {
		n = maxExponent
	}
	if negative {
		n = -n
	}
	return n, true
}

// integer returns the value of d if it is whole and fits an int64. It is
// exact: a float64 in between would change ids above 2^53.
func (d decimal) integer() (value int64, whole, fits bool) {
	switch {
	case d.digits == "":
		return 0, true, true
	case d.point < len(d.digits):
		return 0, false, false
	case d.point > 19: // an int64 has at most 19 digits
		return 0, true, false
	}
	v, err := strconv.ParseInt(d.digits+strings.Repeat("0", d.point-len(d.digits)), 10, 64)
	return v, true, err == nil
}

// canonicalInteger returns the plain form of an integer parameter, or what is
// wrong with it, as the end of a sentence that starts with the field's name.
// Accepted are digits and whole numbers in float or scientific notation: some
// clients put every number through a float64.
func canonicalInteger(s string, low, high int64) (canonical, wrong string) {
	d, ok := parseDecimal(s)
	if !ok {
		return "", "must be a whole number"
	}
	v, whole, fits := d.integer()
	switch {
	case !whole:
		return "", "must be a whole number"
	case !fits || v < low || v > high:
		return "", "is out of range"
	default:
		return strconv.FormatInt(v, 10), ""
	}
}

// bounds of the integer parameters, both included.
func boundsOf(name string, bits int) (low, high int64) {
	switch {
	case strings.HasSuffix(name, "_id"):
		return 1, maxID
	case bits == 32:
		return 0, math.MaxInt32
	default:
		return 0, math.MaxInt64
	}
}
