package rest

import (
	"strconv"
	"time"
)

// canonicalLatestTime returns latest_time in Unix milliseconds, or "" for now.
// Clients write seconds, milliseconds, microseconds or nanoseconds, and
// whatever they had lying around: "", 0, negative, the future and anything
// that is no number mean now.
func canonicalLatestTime(s string, now time.Time) string {
	d, ok := parseDecimal(s)
	if !ok {
		return ""
	}
	ms, ok := d.milliseconds()
	if !ok || ms <= 0 || ms > now.UnixMilli() {
		return ""
	}
	return strconv.FormatInt(ms, 10)
}

// milliseconds reads a time whose unit follows from its size: below 1e11 it is
// seconds (1e11 seconds is the year 5138), below 1e14 milliseconds, below 1e17
// microseconds, and nanoseconds from there. What is finer than a millisecond
// is rounded up: the answer is strictly older than this, and a video of the
// millisecond that has begun is.
func (d decimal) milliseconds() (int64, bool) {
	// 0.digits × 10^point: point is the number of digits before the point, so
	// a value is below 1e11 just when it has at most 11 of them.
	switch shift := d.point; {
	case shift <= 11:
		d.point += 3
	case shift <= 14:
	case shift <= 17:
		d.point -= 3
	default:
		d.point -= 6
	}
	if d.point < 0 || d.point > 18 {
		return 0, false
	}
	if d.point >= len(d.digits) {
		v, _, fits := d.integer()
		return v, fits
	}
	whole, err := strconv.ParseInt("0"+d.digits[:d.point], 10, 64)
	return whole + 1, err == nil
}
