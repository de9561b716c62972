// Package mp4 decides whether a file is an mp4 or mov that players can play, by
// reading its boxes (ISO/IEC 14496-12) and the beginning of its bitstream, and says
// what it shows: length, size and transfer function.
//
// It promises that whatever the bytes, the answer is a Video or NOT_PLAYABLE, and
// that reading costs no more than its limits: of boxes, tracks, samples, memory and
// time. All sizes that a file announces are checked before anything is allocated,
// a fragment is read once however many tracks there are, and a library's panic
// counts as a refusal. FuzzProbe looks for bytes that break this.
//
// It asks nobody: no program is started, nothing but the file is read.
package mp4
