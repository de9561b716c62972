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
// No other user of the machine gets in: the child listens on a socket in a
// directory that its owner alone may enter, the server in this process on a
// loopback port with a password that is made for each run.
package redis
