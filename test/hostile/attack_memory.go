package hostile

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "douyin.dev/gen/douyin/api/v1" // registers the public API
	"douyin.dev/test/harness"
)

// gzipBombs sends a message of 400 MiB in 408 kB of gzip to every procedure, to
// health and to reflection, over Connect and gRPC: every handler has a limit of
// what it reads, and none answers a name that it was given.
func gzipBombs(ctx context.Context, a *Attacker) error {
	bomb, err := gzipBomb()
	if err != nil {
		return err
	}
	paths := append([]string{
		"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	}, procedures()...)
	client := a.client(0)
	envelope := append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(bomb))), bomb...)
	flood(ctx, 2*len(paths), 50, 2, func(ctx context.Context, i int) {
		path := paths[i/2]
		if i%2 == 0 {
			_, _ = client.Do(ctx, harness.Call{Path: path, Raw: bomb, Header: http.Header{
				"Content-Type": {"application/proto"}, "Content-Encoding": {"gzip"},
			}})
			return
		}
		c, err := a.h2(ctx)
		if err != nil {
			return
		}
		defer c.conn.Close()
		stream, err := c.open("POST", path, false, "content-type", "application/grpc", "te", "trailers", "grpc-encoding", "gzip")
		if err != nil || c.send(stream, envelope, true) != nil {
			return
		}
		for c.answers.Load()+c.resets.Load() == 0 && c.alive() {
			pause(ctx, 10*time.Millisecond)
		}
	})
	return nil
}

// procedures are those of the public API.
func procedures() []string {
	var all []string
	protoregistry.GlobalFiles.RangeFilesByPackage("douyin.api.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				all = append(all, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()))
			}
		}
		return true
	})
	return all
}

// gzipBomb returns a protobuf message whose field 1 is 400 MiB of text, packed.
func gzipBomb() ([]byte, error) {
	const mib, size = 1 << 20, 400
	var bomb bytes.Buffer
	pack := func(content []byte) error {
		w, err := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
		return w.Close()
	}
	if err := pack(binary.AppendUvarint([]byte{1<<3 | 2}, size*mib)); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	head := bomb.Len()
	if err := pack(bytes.Repeat([]byte("A"), mib)); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	one := bytes.Clone(bomb.Bytes()[head:]) // gzip goes on where a piece ends
	for range size - 1 {
		bomb.Write(one)
	}
	return bomb.Bytes(), nil
}

// giantTokens sends 1,500 tokens, none twice: of almost a MiB in a form, of
// almost 32 KiB in a header, and with line breaks.
func giantTokens(ctx context.Context, a *Attacker) error {
	client := a.client(0)
	const inForm, inHeader = 1<<20 - 64, 30 << 10
	filler := strings.Repeat("a", inForm)
	flood(ctx, 1500, 300, 4, func(ctx context.Context, i int) {
		distinct := fmt.Sprintf("%08d", i)
		switch i % 3 {
		case 0:
			_, _ = client.Do(ctx, harness.Call{
				Path: "/douyin/user/", Raw: []byte("token=" + distinct + filler[8:]),
				Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			})
		case 1:
			_, _ = client.Do(ctx, harness.Call{Path: "/douyin/user/", Header: http.Header{"Authorization": {"Bearer " + distinct + filler[:inHeader]}}})
		case 2:
			_, _ = client.Do(ctx, harness.Call{
				Path: "/douyin/user/", Raw: []byte("token=" + distinct + strings.Repeat("%0A", inForm/4)),
				Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			})
		}
	})
	return nil
}

// badTokens sends 20,000 tokens that look right, none twice: refusals are
// remembered briefly and few.
func badTokens(ctx context.Context, a *Attacker) error {
	client := a.client(0)
	flood(ctx, 20_000, 2500, 8, func(ctx context.Context, i int) {
		token := fmt.Sprintf("eyJhbGciOiJFZERTQSJ9.%s%08d.%s", strings.Repeat("e", 200), i, strings.Repeat("s", 86))
		_, _ = client.WithToken(token).Get(ctx, "/douyin/user/")
	})
	return nil
}

// maxAnonymousSpool is what uploads without a token may hold of the disk, in bytes.
const maxAnonymousSpool = 64 << 20

// anonymousSpool uploads 8 files of 128 MiB whose form has no token in front: of
// such a form little waits on the disk.
func anonymousSpool(ctx context.Context, a *Attacker) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	most := Watch(watching, a.Server)
	const files, size = 8, 128 << 20
	head := a.head("POST", "/douyin/publish/action/", "Content-Type: multipart/form-data; boundary=b", fmt.Sprintf("Content-Length: %d", size)) +
		"--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"v.mp4\"\r\n\r\n"
	piece := strings.Repeat("x", 256<<10)
	flood(ctx, files, files, files, func(ctx context.Context, _ int) {
		conn, err := a.dial(ctx)
		if err != nil {
			return
		}
		defer conn.Close()
		err = send(conn, head)
		for sent := 0; sent < size && err == nil && ctx.Err() == nil; sent += len(piece) {
			err = send(conn, piece)
		}
		for err == nil && ctx.Err() == nil { // hold what is there
			err = send(conn, "x")
			pause(ctx, time.Second)
		}
	})
	stop()
	if n := most().Spool; n > maxAnonymousSpool {
		return fmt.Errorf("uploads without a token held %d MiB of the disk, want at most %d", n>>20, maxAnonymousSpool>>20)
	}
	return nil
}

// idempotencyKeys comments with as many keys as users may, and sends keys that are
// too long or no text: they are refused by name.
func idempotencyKeys(ctx context.Context, a *Attacker) error {
	for n := range 5 {
		u, err := a.register(ctx, n)
		if err != nil {
			return err
		}
		comment := func(ctx context.Context, key string) (*harness.Answer, error) {
			return u.client.Post(ctx, "/douyin/comment/action/",
				"video_id", id(a.video.ID), "action_type", "1", "comment_text", "x", "idempotency_key", key)
		}
		for _, bad := range []string{strings.Repeat("k", 129), "nul\x00key", "\xff\xfe"} {
			answer, err := comment(ctx, bad)
			if err != nil {
				return err
			}
			if answer.Code() != 40002 || !strings.Contains(answer.Message(), "idempotency_key") {
				return fmt.Errorf("the key %.20q is not refused by name: %s", bad, answer)
			}
		}
		flood(ctx, 300, 300, 4, func(ctx context.Context, i int) {
			_, _ = comment(ctx, fmt.Sprintf("%s-%d-%s", a.Network, i, strings.Repeat("k", 100)))
		})
	}
	return nil
}

// manyPaths asks for 20,000 paths that are not there and are as long as can be:
// nothing is kept of a path.
func manyPaths(ctx context.Context, a *Attacker) error {
	client := a.client(0)
	long := strings.Repeat("p", 8<<10)
	flood(ctx, 20_000, 2500, 8, func(ctx context.Context, i int) {
		prefixes := []string{"/douyin/", "/media/videos/", "/douyin.api.v1.FeedService/", "/"}
		_, _ = client.Get(ctx, fmt.Sprintf("%s%d%s", prefixes[i%len(prefixes)], i, long), "q", long)
	})
	return nil
}
