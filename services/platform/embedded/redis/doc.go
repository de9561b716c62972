// Package redis is the embedded twin of Redis: redis-server or valkey-server as
// a child where one is on PATH, else a server inside this process.
//
// It holds a cache and nothing else, so it promises nothing about data: a
// restart begins empty, and when memory runs out the least used keys go.
//
// The child is the real thing. The one in this process has no client-side
// caching: a client must switch it off (rueidis: DisableCache) when
// ClientCaching reports false.
//
// Both listen on a loopback port without a password. It is for development on
// a machine whose users trust each other.
package redis
