// Package cycle runs the contract suite several times on the same data: on a
// fresh platform, again on what the suite left, and once more after the
// platform was killed with SIGKILL and restarted. What was acknowledged must
// still be there, and nothing in the suite may depend on an empty system.
//
// It takes minutes, so it runs only when DOUYIN_CYCLES says how many times the
// whole sequence is to be done.
package cycle
