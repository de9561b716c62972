// Package ladder turns one accepted video into renditions that play everywhere:
// HLS at several sizes, and one MP4 for players without HLS.
//
//	encoder := &ladder.Encoder{FFmpeg: "/usr/bin/ffmpeg", FFprobe: "/usr/bin/ffprobe", Sandbox: sandbox.New(log), Log: log}
//	source, err := encoder.Inspect(ctx, path)
//	for _, rung := range ladder.Plan(source) { // the lowest first
//		// dir is an empty folder of this rung alone.
//		rendition, err := encoder.HLS(ctx, path, source, rung, dir, func(done time.Duration) { … })
//		// Store rendition.Files from dir, then:
//		playlist := ladder.Master(renditionsSoFar, addressOfPlaylist)
//	}
//	size, err := encoder.Progressive(ctx, rendition, dir, out) // of ladder.ProgressiveRung
//
// Every rendition is H.264 High and AAC with two channels, 8 bit BT.709 with
// square pixels, upright, without the source's metadata, at a constant frame
// rate, and as long as the longer of the source's picture and sound. All
// renditions of a source have their key frames at the same times, 2 s apart, so
// that a player can change between them.
//
// ffmpeg and ffprobe read what strangers sent. They run in the sandbox, read the
// source as mp4 or mov only, through a descriptor, and write nowhere but to the
// folder they are given. What ffmpeg wrote is read before it is vouched for:
// sizes, durations and codecs of a Rendition are those of its files.
//
// What fails because of the video, or out of time, is an *Error with a Reason.
// When the context is cancelled, the error is the context's and no *Error. An
// Encoder keeps nothing between calls, and is safe for concurrent use.
package ladder
