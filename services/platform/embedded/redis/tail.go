package redis

import "sync"

// tailBytes is how much of a server's output an error about its start repeats.
const tailBytes = 4 << 10

// tailBuffer keeps the last bytes written to it. Safe for concurrent use.
type tailBuffer struct {
	mu   sync.Mutex
	last []byte
}

// Write never fails.
func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = append(b.last, p...)
	if extra := len(b.last) - tailBytes; extra > 0 {
		b.last = append([]byte(nil), b.last[extra:]...)
	}
	return len(p), nil
}

// String returns what was kept.
func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.last)
}
