// Package scenario says what is measured: for each scenario the requests, how
// an answer is checked at once, how a sampled answer is judged whole, and how
// the effects are verified after the load.
package scenario
