// Package proc reads what processes use: processor time and memory of a tree
// of processes, by name, from /proc. It works on Linux only.
package proc
