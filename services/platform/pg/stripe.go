package pg

// Stripe spreads ids evenly over 1<<bits stripes: rows, locks or shards of which
// each serves many ids. Ids end in the number of the machine that made them, so
// their low bits alone would not (Fibonacci hashing, Knuth, TAOCP 6.4).
func Stripe(id int64, bits uint) int32 {
	return int32(uint64(id) * 0x9E3779B97F4A7C15 >> (64 - bits))
}
