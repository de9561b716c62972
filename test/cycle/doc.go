// Package cycle runs the contract suite several times on the same data: on a
// fresh platform, again on what the suite left, and once more after the
// platform was killed with SIGKILL and restarted. What was acknowledged must
// still be there, and nothing in the suite may depend on an empty system.
//
// The whole sequence is done DOUYIN_CYCLES times, once when that is absent. It
// takes minutes; -short skips it.
package cycle
