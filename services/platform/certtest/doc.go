// Package certtest makes certificates for tests: an authority, and files of
// processes it vouches for.
package certtest
