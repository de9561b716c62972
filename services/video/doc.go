// Package video owns videos: their files, covers, titles and publish times.
//
// It promises that a video is visible when PublishVideo has answered, and that
// a refused upload leaves nothing behind: no row, no object, no file. Whether
// bytes are a playable video is decided by reading them, never by a name or a
// type that a client sent. The row and its VideoChanged event share one
// transaction; the objects are stored before it, and those without a row are
// removed, at once or by the janitor.
//
// Publish times rise strictly within a process. So a millisecond holds at most
// one video per process, and the public list can always be cut between two
// milliseconds.
//
// Cards of videos and the newest part of the public list are read from copies
// in memory and in Redis. Whoever publishes or deletes tells the copies after
// the commit, and the service hears its own VideoChanged for those who died
// before they could. The public list has a version too: the number of videos
// ever published or deleted.
//
// Worker makes renditions of published videos: a second component of this
// package, Transcoder, in processes of its own. It promises that each video ends
// ready or failed, that rows name only objects that are stored, and that a
// worker that lost its job writes nothing (docs/decisions/015). Its jobs, and what
// is ready of a video, are rows beside the video's.
//
// Who may see a video is decided by canSee alone (docs/decisions/019). Lists leave
// out what their reader may not see; a card says whether a video is restricted. A
// service that shows or changes something of a restricted one asks BatchCheckVisible.
//
// It asks Postgres for the rows, the object store for the files, ffmpeg, where
// there is one, for the first frame and the renditions, and the relation service
// who follows whom where that decides who may see a video.
package video
