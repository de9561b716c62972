// Package infratest gives unit tests the real infrastructure. A package that
// needs any of it has
//
//	func TestMain(m *testing.M) { infratest.Main(m) }
//
// and asks in its tests:
//
//	dsn := infratest.Postgres(t)
//
// The servers are the ones the environment names (see package rig), or
// embedded twins, started when the first test of the process asks and removed
// at its end. "devinfra run -- go test ./..." starts one set for all packages.
//
// All tests share each server, with those of other packages too. So a test
// makes a schema of its own in Postgres, puts a random prefix before its keys
// in Redis (and never flushes) and in the bucket, and gives its topics and
// consumer groups random names.
package infratest
