package gateway

import (
	"runtime"
	"sync"
)

// branchStack is as much as a call between services needs, in bytes.
const branchStack = 12 << 10

// branches are calls that one request makes at the same time.
type branches struct{ waiting sync.WaitGroup }

// Go makes a call. Its goroutine has the stack for it from the beginning: one
// that grows deep inside of the call is copied frame by frame, which took a
// twentieth of a page's time.
func (b *branches) Go(call func()) {
	b.waiting.Go(func() {
		growStack()
		call()
	})
}

// Wait waits for all of them.
func (b *branches) Wait() { b.waiting.Wait() }

//go:noinline
func growStack() {
	var room [branchStack]byte
	runtime.KeepAlive(&room)
}
