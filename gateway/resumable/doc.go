// Package resumable takes files piece by piece over the tus protocol, version
// 1.0.0 (https://tus.io/protocols/resumable-upload): an upload goes on after a lost
// connection, a closed page or a stopped gateway, at any gateway.
//
// Nothing about an upload is kept in a process. Its pieces and what is known of it
// are objects below uploads/, so every gateway continues it; only one at a time
// writes to it, which a lock in Redis sees to. Its id begins with its owner's:
// nobody else's request finds it.
//
// A complete upload waits for Publish, which hands its bytes on once: what came of
// it is then kept in the place of the bytes, and a repeated Publish answers the same.
// Uploads that were not published within Lifetime are removed.
package resumable
