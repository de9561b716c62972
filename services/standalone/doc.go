// Package standalone is the whole platform in one process: every component
// mounted on embedded infrastructure, calling each other in memory. It is the
// only package that imports everything.
//
// Nothing in a component knows that it runs here. What differs is only what the
// Runtime hands out: a mux that is not reachable from outside, and clients that
// hand messages to its handlers, or dial it through memory, instead of the network.
package standalone
