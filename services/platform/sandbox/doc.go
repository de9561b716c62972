// Package sandbox runs a program that reads what strangers sent, such as ffmpeg.
//
// The program gets files to read as descriptors and, where the caller names
// one, a folder to write to. It promises to end it, and everything it started,
// after a time by the wall clock, and to bound its memory, processor time, open
// files and output. As far as the kernel lets this process take them away
// (Layer), the program has no network, no other files, no sight of other
// processes and no rights; its environment is PATH alone.
//
// Nothing else of this process is restricted: docs/decisions/010 says how.
package sandbox
