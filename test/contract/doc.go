// Package contract holds the black-box suite of the public API: the rules of
// the /douyin dialect for every path, each endpoint's behaviour, and the same
// API over Connect, gRPC and gRPC-Web. It knows the platform only by its
// public port; package harness starts it or takes a running one.
//
// Every test makes its own users, so tests run in parallel, and the suite can
// run again on the data it left. Every REST answer it sees is also checked by
// harness.Lint.
package contract
