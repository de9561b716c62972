// Package tlsfiles holds certificates that come from files, and dials servers
// with them.
//
// Files that change are used from the next connection on. While they cannot be
// used, the last ones stay.
package tlsfiles
