package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"douyin.dev/gateway/pace"
	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/client"
	"douyin.dev/services/platform/rpc"
)

// served is a gateway on a loopback port, as a process serves it.
type served struct {
	t       *testing.T
	address string
	g       *Gateway
	box     *endless
}

// endless pushes messages as fast as they are taken.
type endless struct {
	messagev1connect.UnimplementedMessageServiceHandler
	subscribed, ended chan struct{}
}

func (e *endless) Subscribe(ctx context.Context, _ *messagev1.SubscribeRequest, out *connect.ServerStream[messagev1.SubscribeResponse]) error {
	e.subscribed <- struct{}{}
	defer func() { e.ended <- struct{}{} }()
	for id := int64(1); ; id++ {
		m := &messagev1.Message{Id: id, Content: strings.Repeat("m", 1000)}
		if err := out.Send(&messagev1.SubscribeResponse{Message: m, CursorMs: id}); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// verbose is a user service whose users have a lot to say.
type verbose struct{ logins }

func (v *verbose) BatchGetUsers(context.Context, *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error) {
	return &userv1.BatchGetUsersResponse{Users: []*userv1.User{{Id: 1, Name: "n", Signature: strings.Repeat("long ", 200_000)}}}, nil
}

func (v *verbose) Login(context.Context, *userv1.LoginRequest) (*userv1.LoginResponse, error) {
	return &userv1.LoginResponse{UserId: 1, Token: "t"}, nil
}

// takes is a video service that reads uploads, and whose videos change as fast as
// their statuses are taken.
type takes struct {
	videov1connect.UnimplementedVideoServiceHandler
	box *endless
}

func (v takes) WatchVideoStatus(_ context.Context, _ *videov1.WatchVideoStatusRequest, out *connect.ServerStream[videov1.WatchVideoStatusResponse]) error {
	v.box.subscribed <- struct{}{}
	defer func() { v.box.ended <- struct{}{} }()
	for n := int32(0); ; n++ {
		st := &videov1.TranscodeStatus{State: videov1.TranscodeState_TRANSCODE_STATE_PROCESSING, QueuePosition: n, Message: strings.Repeat("m", 1000)}
		if err := out.Send(&videov1.WatchVideoStatusResponse{Status: st}); err != nil {
			return err
		}
	}
}

func (takes) PublishVideo(_ context.Context, in *connect.ClientStream[videov1.PublishVideoRequest]) (*videov1.PublishVideoResponse, error) {
	for in.Receive() {
	}
	return &videov1.PublishVideoResponse{Video: &videov1.Video{Id: 1, AuthorId: 1}}, in.Err()
}

func serveGateway(t *testing.T, p pace.Pace, s Settings) *served {
	t.Helper()
	box, mux := &endless{subscribed: make(chan struct{}, 100), ended: make(chan struct{}, 100)}, http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(&verbose{}))
	mux.Handle(messagev1connect.NewMessageServiceHandler(box))
	mux.Handle(videov1connect.NewVideoServiceHandler(takes{box: box}))
	mesh := serveMesh(t, mux)
	s.SessionRecheck, s.MaxUploadBytes = time.Hour, 4<<20
	g := New(Deps{
		User:    userv1connect.NewUserServiceClient(mesh, "http://user"),
		Message: messagev1connect.NewMessageServiceClient(mesh, "http://message"),
		Video:   videov1connect.NewVideoServiceClient(mesh, "http://video"),
		Counter: &still{}, Interaction: stillLikes{}, Relation: stillFollows{},
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Zone: time.UTC, Settings: s,
	})
	g.pace = p
	public := http.NewServeMux()
	if err := g.handle(rest.Signals{}, public.Handle); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.ForClients(rpc.NewServer(public))
	server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return &served{t: t, address: l.Addr().String(), g: g, box: box}
}

func (s *served) url(path string) string { return "http://" + s.address + path }

// dial opens a connection with a small buffer for what comes: a client that
// stops reading is noticed soon.
func (s *served) dial() net.Conn {
	s.t.Helper()
	c, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		s.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(testTimeout))
	return c
}

// logIn is an honest client's call.
func (s *served) logIn() error {
	ctx, cancel := context.WithTimeout(s.t.Context(), testTimeout)
	defer cancel()
	c := apiv1connect.NewUserServiceClient(http.DefaultClient, s.url(""))
	_, err := c.Login(ctx, &apiv1.LoginRequest{Username: "u", Password: "p"})
	return err
}

// wire is a bare HTTP/2 client.
type wire struct {
	t      *testing.T
	conn   net.Conn
	framer *http2.Framer
	last   uint32
}

// wire connects with windows that let the server send nothing of an answer's body.
func (s *served) wire() *wire {
	s.t.Helper()
	c := s.dial()
	w := &wire{t: s.t, conn: c, framer: http2.NewFramer(c, c)}
	_, err := io.WriteString(c, http2.ClientPreface)
	w.must(err)
	w.must(w.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
	return w
}

func (w *wire) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open begins a stream and returns its id.
func (w *wire) open(method, path, contentType string, end bool) uint32 {
	w.t.Helper()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", method}, {":scheme", "http"}, {":path", path}, {":authority", "x"}, {"content-type", contentType}, {"te", "trailers"}, {"authorization", "Bearer t"}} {
		w.must(e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	w.last = max(w.last+2, 1)
	if w.last%2 == 0 {
		w.last--
	}
	w.must(w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: w.last, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end}))
	return w.last
}

// ended waits until the server has ended a stream: with an answer or a reset.
func (w *wire) ended(id uint32) {
	w.t.Helper()
	w.await(func(frame http2.Frame) bool {
		switch f := frame.(type) {
		case *http2.RSTStreamFrame:
			return f.StreamID == id
		case *http2.HeadersFrame:
			return f.StreamID == id && f.StreamEnded()
		}
		return false
	})
}

// status waits until the answer of a stream begins, and returns its HTTP status.
func (w *wire) status(id uint32) (status string) {
	w.t.Helper()
	header := hpack.NewDecoder(4<<10, func(f hpack.HeaderField) {
		if f.Name == ":status" {
			status = f.Value
		}
	})
	w.await(func(frame http2.Frame) bool {
		f, ok := frame.(*http2.HeadersFrame)
		if !ok || f.StreamID != id {
			return false
		}
		_, _ = header.Write(f.HeaderBlockFragment()) // what comes after the status may refer to earlier answers
		return true
	})
	return status
}

// await reads frames until the one that is looked for.
func (w *wire) await(found func(http2.Frame) bool) {
	w.t.Helper()
	for {
		frame, err := w.framer.ReadFrame()
		w.must(err)
		if found(frame) {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				w.must(w.framer.WriteSettingsAck())
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				w.must(w.framer.WritePing(true, f.Data))
			}
		}
	}
}

// enveloped is a message as gRPC and Connect's streams send it.
func enveloped(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
}

const loginPath = "/douyin.api.v1.UserService/Login"

// waits returns a pace whose every wait is bounded by d alone.
func waits(d time.Duration) pace.Pace {
	return pace.Pace{Stall: d, Grace: time.Hour, Rate: 64 << 10}
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// patient waits longer for clients than a test lasts.
var patient = pace.Pace{Stall: time.Hour, Grace: time.Hour, Rate: 64 << 10}

func TestCallsThatSendNoBodyHoldNoPlace(t *testing.T) {
	t.Parallel()
	s := serveGateway(t, patient, Settings{ClientCalls: 1000, MaxCalls: 2, MaxUploads: 1, MaxAnonymousUploads: 1, MaxStreams: 1})
	w := s.wire()
	for range 30 {
		w.open(http.MethodPost, loginPath, "application/proto", false)
		w.open(http.MethodPost, loginPath, "application/grpc", false)
		w.open(http.MethodPost, "/douyin/user/login/", "application/x-www-form-urlencoded", false)
		w.open(http.MethodPost, publishProcedure, "application/grpc", false)
	}
	s.awaitCalls(120)
	if err := s.logIn(); err != nil {
		t.Errorf("an honest call: %v", err)
	}
	if got := s.upload(t, "t"); !strings.Contains(got, `"status_code":0,`) {
		t.Errorf("an honest upload: %s", got)
	}
}

// awaitCalls waits until a client of this test has as many calls under way.
func (s *served) awaitCalls(n int) {
	s.t.Helper()
	loopback := client.KeyOf(netip.MustParseAddr("127.0.0.1"))
	for end := time.Now().Add(testTimeout); s.g.admission.clientCalls.UnderWay(loopback) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%d calls under way, want %d", s.g.admission.clientCalls.UnderWay(loopback), n)
		}
	}
}

func TestAnswersThatAreNotReadHoldNoPlace(t *testing.T) {
	t.Parallel()
	s := serveGateway(t, patient, Settings{MaxCalls: 1})
	w := s.wire()
	for range 20 {
		// The header of the answer says that the call was admitted and is done.
		if status := w.status(w.open(http.MethodGet, "/douyin/user/?user_id=1", "", true)); status != "200" {
			t.Fatalf("HTTP %s", status)
		}
		if err := s.logIn(); err != nil {
			t.Errorf("an honest call: %v", err)
		}
	}
}

// upload sends a form with its token first and returns the answer.
func (s *served) upload(t *testing.T, token string) string {
	t.Helper()
	form, contentType := uploadForm([2]string{"token", token}, [2]string{"title", "x"}, [2]string{"data", "a video"})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/douyin/publish/action"+"/"), strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// uploadForm is a form of fields in this order; data is a file.
func uploadForm(fields ...[2]string) (body, contentType string) {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=%q", f[0])
		if f[0] == "data" {
			b.WriteString(`; filename="v.mp4"`)
		}
		fmt.Fprintf(&b, "\r\n\r\n%s\r\n", f[1])
	}
	return b.String() + "--b--\r\n", "multipart/form-data; boundary=b"
}

func TestABodyThatStopsEndsItsCallInEveryProtocol(t *testing.T) {
	t.Parallel()
	for name, contentType := range map[string]string{"connect": "application/proto", "grpc": "application/grpc", "grpc-web": "application/grpc-web"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serveGateway(t, waits(50*time.Millisecond), Settings{}).wire()
			id := w.open(http.MethodPost, loginPath, contentType, false)
			w.must(w.framer.WriteData(id, false, []byte{0, 0}))
			w.must(w.framer.WriteWindowUpdate(id, 1<<16))
			w.ended(id)
		})
	}
	t.Run("upload", func(t *testing.T) {
		t.Parallel()
		w := serveGateway(t, waits(50*time.Millisecond), Settings{}).wire()
		id := w.open(http.MethodPost, publishProcedure, "application/grpc", false)
		w.must(w.framer.WriteWindowUpdate(id, 1<<16))
		w.ended(id)
	})
	t.Run("HTTP/1.1", func(t *testing.T) {
		t.Parallel()
		c := serveGateway(t, waits(50*time.Millisecond), Settings{}).dial()
		send(t, c, "POST "+loginPath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 100\r\n\r\nx")
		if _, err := io.Copy(io.Discard, c); err != nil { // until the server closes
			t.Fatal(err)
		}
	})
}

func TestAnAnswerThatIsNotReadEndsOverHTTP2(t *testing.T) {
	t.Parallel()
	w := serveGateway(t, waits(50*time.Millisecond), Settings{}).wire()
	w.ended(w.open(http.MethodGet, "/douyin/user/?user_id=1", "", true))
	login := w.open(http.MethodPost, loginPath, "application/proto", false)
	message, err := proto.Marshal(&apiv1.LoginRequest{Username: "u", Password: "p"})
	w.must(err)
	w.must(w.framer.WriteData(login, true, message))
	w.ended(login)
}

func TestAStreamThatIsNotReadEnds(t *testing.T) {
	t.Parallel()
	t.Run("gRPC", func(t *testing.T) {
		t.Parallel()
		s := serveGateway(t, waits(50*time.Millisecond), Settings{})
		w := s.wire()
		id := w.open(http.MethodPost, "/douyin.api.v1.MessageStreamService/Subscribe", "application/grpc", false)
		w.must(w.framer.WriteData(id, true, enveloped(t, &apiv1.SubscribeRequest{})))
		await(t, s.box.subscribed)
		w.ended(id)
		await(t, s.box.ended)
	})
	for name, request := range map[string]string{
		"statuses as server-sent events": "GET /douyin/publish/status/stream?video_id=1&token=t HTTP/1.1\r\nHost: x\r\n\r\n",
		"server-sent events":             "GET /douyin/message/stream?token=t HTTP/1.1\r\nHost: x\r\n\r\n",
		"Connect over HTTP/1.1": "POST /douyin.api.v1.MessageStreamService/Subscribe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n" +
			"Content-Type: application/connect+proto\r\nContent-Length: 5\r\n\r\n" + string(enveloped(t, &apiv1.SubscribeRequest{})),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveGateway(t, waits(50*time.Millisecond), Settings{})
			send(t, s.dial(), request)
			await(t, s.box.subscribed)
			await(t, s.box.ended)
		})
	}
}

// await waits for what must happen but not when.
func await(t *testing.T, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(testTimeout):
		t.Fatal("it does not happen")
	}
}

// A stream on which nothing is pushed for longer than a client may stall stays.
func TestAQuietStreamStays(t *testing.T) {
	t.Parallel()
	g, _, box := newStreaming(t)
	g.pace = waits(50 * time.Millisecond)
	public := http.NewServeMux()
	if err := g.handle(rest.Signals{}, public.Handle); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.ForClients(rpc.NewServer(public))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := apiv1connect.NewMessageStreamServiceClient(&http.Client{Transport: rpc.NewStreamTransport()}, "http://"+l.Addr().String(), connect.WithGRPC(), connect.WithInterceptors(bearer("t")))
	stream, err := c.Subscribe(ctx, &apiv1.SubscribeRequest{})
	if err != nil || !stream.Receive() {
		t.Fatal(err, stream.Err())
	}
	ended := make(chan struct{})
	go func() {
		for stream.Receive() {
		}
		close(ended)
	}()
	select {
	case <-ended:
		t.Errorf("ended with %v", stream.Err())
	case <-time.After(500 * time.Millisecond): // ten stalls
	}
	if box.open.Load() != 1 {
		t.Error("the message service does not push any more")
	}
}

func TestAFileBeforeItsTokenMayHaveOneMiB(t *testing.T) {
	t.Parallel()
	s := serveGateway(t, patient, Settings{})
	post := func(size int, fields func(file [2]string) [][2]string) string {
		t.Helper()
		form, contentType := uploadForm(fields([2]string{"data", strings.Repeat("v", size)})...)
		res, err := http.Post(s.url("/douyin/publish/action"+"/"), contentType, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		line, _ := bufio.NewReader(res.Body).ReadString('}')
		return line
	}
	tokenLast := func(file [2]string) [][2]string { return [][2]string{file, {"token", "t"}} }
	tokenFirst := func(file [2]string) [][2]string { return [][2]string{{"token", "t"}, file} }
	for _, at := range []struct {
		size   int
		fields func([2]string) [][2]string
		want   string
	}{
		{maxAnonymousFile, tokenLast, `"status_code":0,`}, {maxAnonymousFile + 1, tokenLast, `"status_code":40002,`}, {maxAnonymousFile + 1, tokenFirst, `"status_code":0,`},
	} {
		if got := post(at.size, at.fields); !strings.Contains(got, at.want) {
			t.Errorf("%d bytes: %.200s, want %s", at.size, got, at.want)
		}
	}
}

func TestHealthAnswersNoNameAndReadsNoLongOne(t *testing.T) {
	t.Parallel()
	s := serveGateway(t, patient, Settings{})
	check := func(path, body string) string {
		t.Helper()
		res, err := http.Post(s.url(path), "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	const path = "/grpc.health.v1.Health/Check"
	if got := check(path, `{"service":"canary"}`); strings.Contains(got, "canary") || !strings.Contains(got, "not_found") {
		t.Errorf("answered %s", got)
	}
	if got := check(path, `{"service":"`+strings.Repeat("n", maxNameBytes)+`"}`); !strings.Contains(got, "resource_exhausted") {
		t.Errorf("answered %.200s", got)
	}
}
