package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"douyin.dev/gen/douyin/api/v1/apiv1connect"
)

// streamsWithoutBody opens 1,200 calls over two connections and sends no body: a
// place is taken when a body was read.
func streamsWithoutBody(ctx context.Context, a *Attacker) error {
	a.keepStreams(ctx, 2, 600, func(c *h2) error {
		_, err := c.open("POST", apiv1connect.UserServiceLoginProcedure, false, "content-type", "application/proto")
		return err
	})
	return nil
}

// streamsWithoutReader asks 1,200 times for the feed over two connections and
// reads no answer: a place is given back before the answer is written.
func streamsWithoutReader(ctx context.Context, a *Attacker) error {
	a.keepStreams(ctx, 2, 600, func(c *h2) error {
		_, err := c.open("GET", "/douyin/feed/", true)
		return err
	}, noWindow)
	return nil
}

// slowHeads sends the heads of 300 requests a line a second (slowloris).
func slowHeads(ctx context.Context, a *Attacker) error {
	ended := a.keepOpen(ctx, 300, "GET /douyin/feed/ HTTP/1.1\r\nHost: x\r\n", "X-Slow: 1\r\n")
	return someEnded(ended, "connections whose head never ends")
}

// slowBodies sends the bodies of 300 calls a byte a second.
func slowBodies(ctx context.Context, a *Attacker) error {
	head := a.head("POST", "/douyin/user/login/", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 1000000")
	ended := a.keepOpen(ctx, 300, head+"username=", "a")
	return someEnded(ended, "connections whose body never ends")
}

// maxIdleConnections is what one address may hold without sending anything.
const maxIdleConnections = 1024

// idleConnections holds 2,000 connections from one address and sends nothing:
// connections are counted per client.
func idleConnections(ctx context.Context, a *Attacker) error {
	const connections = 2000
	looking := make(chan int64, 1)
	var open atomic.Int64
	go func() { // before the deadline of the first head
		pause(ctx, 3*time.Second)
		looking <- open.Load()
	}()
	keep(ctx, connections, func(ctx context.Context, _ int) {
		conn, err := a.dial(ctx)
		if err != nil {
			return
		}
		defer conn.Close()
		open.Add(1)
		defer open.Add(-1)
		dribble(ctx, conn, "")
	})
	if n := <-looking; n > maxIdleConnections {
		return fmt.Errorf("one address held %d connections, want at most %d", n, maxIdleConnections)
	}
	return nil
}

// silentUploads holds 130 uploads without a token that send not a byte.
func silentUploads(ctx context.Context, a *Attacker) error {
	head := a.head("POST", "/douyin/publish/action/", "Content-Type: multipart/form-data; boundary=b", "Content-Length: 10000000")
	ended := a.keepOpen(ctx, 130, head, "")
	return someEnded(ended, "uploads that send nothing")
}

// headerlessPublishStreams holds 140 streams of PublishVideo of one user that send
// no message, over Connect and gRPC.
func headerlessPublishStreams(ctx context.Context, a *Attacker) error {
	u, err := a.register(ctx, 0)
	if err != nil {
		return err
	}
	var opened atomic.Int64
	a.keepStreams(ctx, 2, 70, func(c *h2) error {
		contentType := "application/grpc"
		if opened.Add(1)%2 == 0 {
			contentType = "application/connect+proto"
		}
		_, err := c.open("POST", apiv1connect.UploadServicePublishVideoProcedure, false,
			"content-type", contentType, "te", "trailers", "authorization", "Bearer "+u.token)
		return err
	})
	return nil
}

// slowUploads sends three files of a user a little at a time, over REST of an
// announced and of an unknown size and over gRPC: an upload has a deadline by its
// progress, whatever its size.
func slowUploads(ctx context.Context, a *Attacker) error {
	u, err := a.register(ctx, 0)
	if err != nil {
		return err
	}
	part := "--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"v.mp4\"\r\n\r\n"
	fields := []string{"Content-Type: multipart/form-data; boundary=b", "Authorization: Bearer " + u.token}
	announced := a.head("POST", "/douyin/publish/action/", append(fields, "Content-Length: 200000000")...) + part
	chunked := a.head("POST", "/douyin/publish/action/", append(fields, "Transfer-Encoding: chunked")...) + fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
	kinds := []struct{ name, head, more string }{
		{"of an announced size", announced, strings.Repeat("x", 1000)},
		{"of an unknown size", chunked, "3e8\r\n" + strings.Repeat("x", 1000) + "\r\n"},
	}
	ended := make([]atomic.Int64, len(kinds)+1)
	keep(ctx, len(ended), func(ctx context.Context, i int) {
		if i < len(kinds) {
			ended[i].Add(a.keepOpen(ctx, 1, kinds[i].head, kinds[i].more))
			return
		}
		if a.slowPublishStream(ctx, u) {
			ended[i].Add(1)
		}
	})
	for i, kind := range kinds {
		if err := someEnded(ended[i].Load(), "slow uploads "+kind.name); err != nil {
			return err
		}
	}
	return someEnded(ended[len(kinds)].Load(), "slow uploads over gRPC")
}

// slowPublishStream sends a message of PublishVideo a byte a second, and reports
// whether the platform ended it.
func (a *Attacker) slowPublishStream(ctx context.Context, u *user) bool {
	c, err := a.h2(ctx)
	if err != nil {
		return false
	}
	defer c.conn.Close()
	stream, err := c.open("POST", apiv1connect.UploadServicePublishVideoProcedure, false,
		"content-type", "application/grpc", "te", "trailers", "authorization", "Bearer "+u.token)
	if err != nil {
		return false
	}
	for next := []byte{0, 0, 1, 0, 0}; ctx.Err() == nil; next = []byte{'x'} { // a message of 64 KiB
		if c.send(stream, next, false) != nil || c.resets.Load() > 0 || c.answers.Load() > 0 {
			return ctx.Err() == nil
		}
		pause(ctx, time.Second)
	}
	return false
}

// unreadDownloads asks 1,100 times for a large video, from four addresses, and
// reads nothing.
func unreadDownloads(ctx context.Context, a *Attacker) error {
	const downloads, addresses = 1100, 4
	target := strings.TrimPrefix(a.large.PlayURL, a.URL)
	keep(ctx, downloads, func(ctx context.Context, i int) {
		conn, err := a.dialFrom(ctx, i%addresses)
		if err != nil {
			return
		}
		defer conn.Close()
		if send(conn, a.head("GET", target)) == nil {
			<-ctx.Done()
		}
	})
	return nil
}

// unreadMessageStreams subscribes to many messages over SSE, Connect and gRPC and
// reads none of them: a stream that nobody reads ends.
func unreadMessageStreams(ctx context.Context, a *Attacker) error {
	receiver, err := a.register(ctx, 0)
	if err != nil {
		return err
	}
	if err := a.sendMany(ctx, receiver); err != nil {
		return err
	}
	events, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer events.Close()
	if err := send(events, a.head("GET", "/douyin/message/stream?after=0", "Authorization: Bearer "+receiver.token)); err != nil {
		return err
	}
	c, err := a.h2(ctx, noWindow)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	subscribe := []byte{0, 0, 0, 0, 2, 8, 0} // in its envelope: after 0
	for _, contentType := range []string{"application/connect+proto", "application/grpc"} {
		stream, err := c.open("POST", apiv1connect.MessageStreamServiceSubscribeProcedure, false,
			"content-type", contentType, "te", "trailers", "authorization", "Bearer "+receiver.token)
		if err == nil {
			err = c.send(stream, subscribe, true)
		}
		if err != nil {
			return err
		}
	}
	const most = 12 * time.Second
	pause(ctx, most)
	if n := c.resets.Load(); n < 2 {
		return fmt.Errorf("%d of 2 streams that nobody reads were ended", n)
	}
	_ = events.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := io.Copy(io.Discard, events); os.IsTimeout(err) {
		return errors.New("the event stream that nobody reads was not ended")
	}
	return nil
}

// sendMany sends a user a thousand messages of 4 kB, from five others: more than
// the buffers of a connection hold.
func (a *Attacker) sendMany(ctx context.Context, to *user) error {
	const senders, each = 5, 200
	text := strings.Repeat("\U0001F600", 1000)
	group, sending := errgroup.WithContext(ctx)
	for range senders {
		sender, err := a.register(ctx, 0)
		if err != nil {
			return err
		}
		group.Go(func() error {
			for sent := 0; sent < each && sending.Err() == nil; sent++ {
				if sender.act(sending, "/douyin/message/action/", "to_user_id", id(to.id), "action_type", "1", "content", text) != nil {
					sent-- // its budget is spent for a moment
					pause(sending, 100*time.Millisecond)
				}
			}
			return sending.Err()
		})
	}
	return group.Wait()
}

// someEnded says that the platform ended none of what it should not bear.
func someEnded(n int64, what string) error {
	if n == 0 {
		return fmt.Errorf("none of the %s was ended", what)
	}
	return nil
}
