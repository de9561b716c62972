// Package cycle runs the contract suite several times on the same data: on a
// fresh platform, again on what the suite left, and once more after the
// platform was killed with SIGKILL and restarted. What was acknowledged must
// still be there, and nothing in the suite may depend on an empty system.
//
// Between the two runs on the same data it compares what the processes hold:
// goroutines and descriptors must come back to 1.1 times what they were.
//
// The whole sequence is done DOUYIN_CYCLES times, once when that is absent. It
// takes minutes; -short skips it.
package cycle
