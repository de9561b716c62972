// Package s3 is the embedded twin of S3: a gateway inside this process that
// speaks the real protocol, checks signatures and checksums, and keeps objects
// as files.
//
// It owns its directory: the objects, their metadata (in extended attributes,
// or beside the objects where the file system has none), and the credentials,
// made at random on the first start and readable by their owner only.
//
// It promises that an object is there whole or not at all, also after a kill
// -9. It does not force writes to the disk: a loss of power may take the last
// objects. It copies no objects and keeps no versions.
//
// The library under it allows one gateway per process.
package s3
