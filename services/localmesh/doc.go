// Package localmesh runs the mesh on one machine: every service, worker and
// the gateway as a process of its own, calling each other over loopback,
// against the same infrastructure as the standalone.
package localmesh
