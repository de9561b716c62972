// Package media makes the files the suites upload: small real videos, and
// files that only look like one. A drawn video needs nothing but Go; Encode
// uses ffmpeg where there is one and adds sound.
package media
