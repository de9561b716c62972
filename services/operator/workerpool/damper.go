package workerpool

import "time"

// Damper keeps a size from following every wave: it grows when more workers
// were needed all through the up window, and shrinks to what was enough all
// through the down window. A Damper that has not watched for a whole window
// changes nothing that needs one: so a restarted operator never shrinks a pool
// on a first impression.
type Damper struct {
	since time.Time
	seen  []recommendation
}

type recommendation struct {
	at   time.Time
	size int32
}

// Settle takes the size recommended now and returns the one to have.
func (d *Damper) Settle(now time.Time, size, current int32, up, down time.Duration) int32 {
	if n := len(d.seen); n == 0 || now.Sub(d.seen[n-1].at) > max(up, down, time.Minute) {
		// The first look, or the first after a long absence.
		d.since, d.seen = now, nil
	}
	d.seen = append(d.seen, recommendation{now, size})
	for len(d.seen) > 1 && now.Sub(d.seen[0].at) > max(up, down) {
		d.seen = d.seen[1:]
	}
	watched := now.Sub(d.since)
	least, most := size, size
	for _, r := range d.seen {
		if now.Sub(r.at) <= up {
			least = min(least, r.size)
		}
		if now.Sub(r.at) <= down {
			most = max(most, r.size)
		}
	}
	switch {
	case watched >= up && least > current:
		return least
	case watched >= down && most < current:
		return most
	}
	return current
}
