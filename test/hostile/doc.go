// Package hostile tries the platform against clients that mean harm.
//
// Each attack runs against a real standalone, from a loopback address of its
// own, while honest clients at other addresses read the feed, log in, like,
// comment, publish, play and chat. What holds for every attack:
//
//	refused     no honest call is refused
//	p99         99 of 100 honest calls take at most 500 ms
//	memory      after the attack the process holds at most 1.5 times its idle memory
//	back        within 10 s memory, goroutines and descriptors are at most 1.1 times the idle ones
//
// and an attack may promise more, which its function checks. Attacks are bounded
// in number and time, end by themselves, and leave the loopback network never.
//
// The platform runs with its defaults, for limits are what is tested, but for the
// share of the cores that passwords may use.
//
//	DOUYIN_BIN          the binary that is attacked, bin/standalone by default, and bin/mesh where a part of it hangs
//	DOUYIN_HOSTILE_FOR  how long TestAllAttacksAtOnce lasts; without it that test is skipped
package hostile
