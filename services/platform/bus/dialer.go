package bus

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// dialer remembers the connections of a group, to cut them when leaving takes too long.
type dialer struct {
	connect func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	open map[*line]bool
}

// line is a connection that forgets itself when closed.
type line struct {
	net.Conn
	owner *dialer
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: conn, owner: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[*line]bool{}
	}
	d.open[l] = true
	return l, nil
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.owner.mu.Lock()
	delete(l.owner.open, l)
	l.owner.mu.Unlock()
	return l.Conn.Close()
}

func (d *dialer) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for l := range d.open {
		_ = l.Conn.Close() // the owner closes it again and hears of the error
	}
}

// closeGroup leaves the group. A member that is just joining waits for the
// answer of the broker, which waits for the other members; after a grace its
// connection is cut. The offsets are committed by then or will never be.
func (d *dialer) closeGroup(group *kafka.ConsumerGroup) {
	timer := time.AfterFunc(leaveGrace, d.cut)
	defer timer.Stop()
	_ = group.Close() // always nil
}
