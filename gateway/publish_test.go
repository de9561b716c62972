package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"douyin.dev/gateway/gatewaytest"
	"douyin.dev/gateway/rest"
	counterv1 "douyin.dev/gen/douyin/counter/v1"
	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/memhttp"
)

// taken is an upload as the video service gets it.
type taken struct {
	Viewer string
	Header *videov1.PublishVideoHeader
	File   string
}

// uploads is a video service that keeps what it is sent; the last header that
// says something counts, as in the real one.
type uploads struct {
	videov1connect.UnimplementedVideoServiceHandler
	mu    sync.Mutex
	taken []taken
	first chan struct{} // closed when the first byte of a file came; may be nil
	ended chan error    // of streams that broke off
}

func (u *uploads) PublishVideo(_ context.Context, stream *connect.ClientStream[videov1.PublishVideoRequest]) (*videov1.PublishVideoResponse, error) {
	got := taken{Viewer: stream.RequestHeader().Get("Test-Viewer"), Header: &videov1.PublishVideoHeader{}}
	for stream.Receive() {
		switch p := stream.Msg().GetPart().(type) {
		case *videov1.PublishVideoRequest_Header:
			got.Header = p.Header
			if strings.Contains(p.Header.GetTitle(), "refused") {
				return nil, fault.ToWire(fault.Invalid("title", "is refused"))
			}
		case *videov1.PublishVideoRequest_Chunk:
			if got.File += string(p.Chunk); u.first != nil {
				close(u.first)
				u.first = nil
			}
		}
	}
	if err := stream.Err(); err != nil {
		u.ended <- err
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.taken = append(u.taken, got)
	return &videov1.PublishVideoResponse{Video: &videov1.Video{Id: 7, AuthorId: 1}}, nil
}

// tokens admits tokens that begin with t, and calls the viewer by the token.
type tokens struct {
	userv1connect.UserServiceClient
}

func (tokens) VerifySession(_ context.Context, q *userv1.VerifySessionRequest) (*userv1.VerifySessionResponse, error) {
	if !strings.HasPrefix(q.GetToken(), "t") {
		return nil, fault.ToWire(fault.LoginRequired())
	}
	return &userv1.VerifySessionResponse{UserId: 1, SessionId: q.GetToken(), ViewerToken: "v", ViewerTokenExpiresAtMs: 1 << 50}, nil
}

func (tokens) BatchGetUsers(context.Context, *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error) {
	return nil, fault.Unavailable(errors.New("not part of this test"))
}

// noCounts stands for a counter service that is down.
type noCounts struct {
	counterv1connect.CounterServiceClient
}

func (noCounts) BatchGetUserCounts(context.Context, *counterv1.BatchGetUserCountsRequest) (*counterv1.BatchGetUserCountsResponse, error) {
	return nil, fault.Unavailable(errors.New("not part of this test"))
}

// publishBench is the REST face with a video service behind it.
type publishBench struct {
	*httpClient
	log *bytes.Buffer
	*uploads
	spools int // files that were made
}

func newPublishBench(t *testing.T, change ...func(*Gateway)) *publishBench {
	t.Helper()
	p := &publishBench{log: &bytes.Buffer{}, uploads: &uploads{ended: make(chan error, 10)}}
	_, handler := videov1connect.NewVideoServiceHandler(p.uploads)
	listener := memhttp.NewListener()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: testTimeout, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	transport := listener.Transport()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	named := connect.WithInterceptors(viewerName{})
	g := New(Deps{
		User: tokens{}, Counter: noCounts{}, Video: videov1connect.NewVideoServiceClient(&http.Client{Transport: transport}, "http://video", named),
		Log: slog.New(slog.NewTextHandler(p.log, nil)), Now: time.Now,
		Settings: Settings{MaxUploadBytes: 4 << 20, SessionRecheck: time.Hour},
	})
	g.spoolFile = func() (*os.File, error) {
		p.spools++
		return namelessFile()
	}
	for _, c := range change {
		c(g)
	}
	api, err := g.restHandler(rest.Signals{})
	if err != nil {
		t.Fatal(err)
	}
	p.httpClient = serve(t, api)
	return p
}

// viewerName sends the viewer's session along, which is its token here.
type viewerName struct{ connect.Interceptor }

func (viewerName) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		viewer, _ := auth.ViewerFrom(ctx)
		conn.RequestHeader().Set("Test-Viewer", viewer.SessionID)
		return conn
	}
}

func (viewerName) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }

// part is one part of a form, as it is sent.
func part(disposition, content string) string {
	return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
}

func field(name, value string) string { return part(`name="`+name+`"`, value) }

func filePart(content string) string { return part(`name="data"; filename="a.mp4"`, content) }

// upload sends a form with headers, given as name, value, name, value.
func (p *publishBench) upload(query string, parts []string, headers ...string) gatewaytest.Reply {
	p.t.Helper()
	r := gatewaytest.Request(http.MethodPost, "/douyin/publish/action/"+query, strings.NewReader(strings.Join(parts, "")+"--b--\r\n"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return p.do(r)
}

// took returns the uploads since it was last asked.
func (p *publishBench) took() []taken {
	p.uploads.mu.Lock()
	defer p.uploads.mu.Unlock()
	all := p.uploads.taken
	p.uploads.taken = nil
	return all
}

func TestPublishTakesItsParametersFromEverywhere(t *testing.T) {
	t.Parallel()
	p := newPublishBench(t)
	file, large := filePart("file"), strings.Repeat("x", 2<<20)
	all := func(title, key string) []taken {
		return []taken{{"t1", &videov1.PublishVideoHeader{Title: title, IdempotencyKey: key}, "file"}}
	}
	for name, tt := range map[string]struct {
		query   string
		parts   []string
		headers []string
		want    []taken
		spools  int
	}{
		"query":                 {"?token=t1&title=a&idempotency_key=k", []string{file}, nil, all("a", "k"), 0},
		"query, semicolon":      {"?token=t1&title=a;b&idempotency_key=k;l", []string{file}, nil, all("a;b", "k;l"), 0},
		"query, broken":         {"?token=t1&%zz=1&title=a&x;y=%", []string{file}, nil, all("a", ""), 0},
		"query, twice":          {"?token=&token=t1&title=&title=a&title=b", []string{file}, nil, all("a", ""), 0},
		"parts before":          {"", []string{field("title", "a"), field("idempotency_key", "k"), field("token", "t1"), file}, nil, all("a", "k"), 0},
		"parts behind":          {"", []string{file, field("title", "a"), field("idempotency_key", "k"), field("token", "t1")}, nil, all("a", "k"), 1},
		"parts twice":           {"", []string{field("title", ""), field("title", "a"), field("title", "b"), field("token", ""), field("token", "t1"), field("token", "t2"), file}, nil, all("a", ""), 0},
		"title behind":          {"?token=t1", []string{file, field("title", "a"), field("idempotency_key", "k")}, nil, all("a", "k"), 0},
		"headers":               {"", []string{file, field("title", "a")}, []string{"Authorization", "Bearer t1", "Idempotency-Key", "k"}, all("a", "k"), 0},
		"query before all":      {"?token=t1&title=a&idempotency_key=k", []string{field("title", "b"), field("token", "t2"), field("idempotency_key", "l"), file}, []string{"Token", "t3", "Idempotency-Key", "m"}, all("a", "k"), 0},
		"part before header":    {"", []string{field("token", "t1"), field("idempotency_key", "k"), file}, []string{"Token", "t3", "Idempotency-Key", "m"}, all("", "k"), 0},
		"empty before header":   {"?token=&idempotency_key=", []string{field("token", ""), field("idempotency_key", ""), file}, []string{"Token", "t1", "Idempotency-Key", "m"}, all("", "m"), 0},
		"same token twice":      {"", []string{file, field("token", "t1")}, []string{"Token", "t1"}, all("", ""), 0},
		"unknown parts":         {"?token=t1", []string{field("user_id", "9"), part(`name="x"; filename="y"`, large), file, part("", "z")}, nil, all("", ""), 0},
		"lines of a browser":    {"?token=t1", []string{field("title", "a\r\nb\r\n"), file}, nil, all("a\nb\n", ""), 0},
		"lines in the query":    {"?token=t1&title=a%0D%0Ab", []string{file}, nil, all("a\nb", ""), 0},
		"empty file, then one":  {"?token=t1", []string{filePart(""), file}, nil, all("", ""), 0},
		"two files":             {"?token=t1", []string{file, filePart("another")}, nil, all("", ""), 0},
		"empty file, no token":  {"", []string{filePart(""), file, field("token", "t1")}, nil, all("", ""), 1},
		"two files, late token": {"", []string{file, filePart("another"), field("token", "t1")}, nil, all("", ""), 1},
	} {
		got := p.upload(tt.query, tt.parts, tt.headers...)
		if diff := cmp.Diff(tt.want, p.took(), protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s (-want +taken):\n%s", name, got.Text, diff)
		}
		if p.spools != tt.spools {
			t.Errorf("%s: %d files were spooled, want %d", name, p.spools, tt.spools)
		}
		p.spools = 0
	}
}

func TestAFileCountsWhateverItsName(t *testing.T) {
	t.Parallel()
	p := newPublishBench(t)
	for name, disposition := range map[string]string{
		"none": `name="data"`, "unquoted": `name=data`, "empty": `name="data"; filename=""`, "path": `name="data"; filename="../../../etc/passwd"`,
		"windows": `name="data"; filename="C:\videos\a.mp4"`, "NUL": "name=\"data\"; filename=\"a\x00.mp4\"", "long": `name="data"; filename="` + strings.Repeat("n", 300) + `"`,
		"not UTF-8": "name=\"data\"; filename=\"\xff\xfe.mp4\"", "GBK": "name=\"data\"; filename=\"\xca\xd3\xc6\xb5.mp4\"", "quotes": `name="data"; filename="a \"b\".mp4"`,
		"broken quote": `name="data"; filename="a"b".mp4"`, "twice": `name="data"; filename="a"; filename="b"`, "extended": `name="data"; filename="a"; filename*=UTF-8''%E8%A7%86`,
		"broken extended": `name="data"; filename*=UTF-8''%zz`, "name last": `filename="a;name=x.mp4"; name="data"`, "control": "name=\"data\"; filename=\"a\tb\x01\"",
	} {
		got := p.upload("?token=t1&title="+strings.ReplaceAll(name, " ", "+"), []string{part(disposition, "file")})
		want := []taken{{"t1", &videov1.PublishVideoHeader{Title: name}, "file"}}
		if diff := cmp.Diff(want, p.took(), protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s (-want +taken):\n%s", name, got.Text, diff)
		}
	}
}

func TestPublishRefusesByName(t *testing.T) {
	t.Parallel()
	p := newPublishBench(t)
	file, large := filePart("file"), strings.Repeat("x", maxAnonymousFile+1)
	for name, tt := range map[string]struct {
		query   string
		parts   []string
		headers []string
		code    string
		names   string
	}{
		"no token":                {"", []string{file}, nil, "10004", ""},
		"bad token in the query":  {"?token=x", []string{file}, nil, "10004", ""},
		"bad token in a header":   {"", []string{file}, []string{"Token", "x"}, "10004", ""},
		"bad token behind":        {"", []string{file, field("token", "x")}, nil, "10004", ""},
		"another token behind":    {"", []string{file, field("token", "t2")}, []string{"Token", "t1"}, "40002", "token"},
		"no file":                 {"?token=t1", nil, nil, "40002", "data"},
		"an empty file":           {"?token=t1", []string{filePart(""), filePart("")}, nil, "40002", "data"},
		"title not UTF-8, query":  {"?token=t1&title=%ff", []string{file}, nil, "40002", "title"},
		"title not UTF-8, part":   {"?token=t1", []string{field("title", "\xff"), file}, nil, "40002", "title"},
		"title not UTF-8, behind": {"?token=t1", []string{file, field("title", "\xff")}, nil, "40002", "title"},
		"title with NUL":          {"?token=t1&title=a%00", []string{file}, nil, "40002", "title"},
		"key not UTF-8":           {"?token=t1", []string{file}, []string{"Idempotency-Key", "\xff"}, "40002", "idempotency_key"},
		"long field":              {"?token=t1", []string{field("title", strings.Repeat("x", 16<<10+1)), file}, nil, "40002", "title"},
		"refused by the service":  {"?token=t1&title=refused", []string{filePart(strings.Repeat("x", 3<<20))}, nil, "40002", "title"},
		"refused, title behind":   {"?token=t1", []string{file, field("title", "refused")}, nil, "40002", "title"},
		"large, token behind":     {"", []string{filePart(large), field("token", "t1")}, nil, "40002", "token"},
		"too large":               {"?token=t1", []string{filePart(strings.Repeat("x", 4<<20+1))}, nil, "10014", ""},
		"too large in parts":      {"?token=t1", []string{file, part(`name="x"`, strings.Repeat("x", 6<<20))}, nil, "10014", ""},
		"too many parts":          {"?token=t1", []string{strings.Repeat(field("x", "1"), 64), file}, nil, "40002", "64 parameters"},
	} {
		got := p.upload(tt.query, tt.parts, tt.headers...)
		t.Log(name)
		p.refused(got, tt.code, tt.names)
		if all := p.took(); len(all) > 0 {
			t.Errorf("%s: taken %v", name, all)
		}
	}
}

func TestUploadsUpToTheLimitsAreTaken(t *testing.T) {
	t.Parallel()
	p := newPublishBench(t)
	for size, parts := range map[int][]string{
		maxAnonymousFile: {filePart(strings.Repeat("x", maxAnonymousFile)), field("token", "t1")},
		4 << 20:          {field("token", "t1"), filePart(strings.Repeat("x", 4<<20))},
	} {
		got := p.upload("", parts)
		if all := p.took(); len(all) != 1 || len(all[0].File) != size {
			t.Errorf("%d bytes: %s", size, got.Text)
		}
	}
}

// The disk is the kernel's own that is always full.
func TestAFullSpoolIsOurFailureAndLogged(t *testing.T) {
	t.Parallel()
	full := func(g *Gateway) {
		g.spoolFile = func() (*os.File, error) { return os.OpenFile("/dev/full", os.O_RDWR, 0) }
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	none := func(g *Gateway) { g.spoolFile = func() (*os.File, error) { return nil, os.ErrPermission } }
	for name, change := range map[string]func(*Gateway){"no space left": full, "permission": none} {
		p := newPublishBench(t, change)
		p.refused(p.upload("", []string{filePart("file"), field("token", "t1")}), "50002", "")
		if !strings.Contains(p.log.String(), "level=WARN") || !strings.Contains(p.log.String(), name) {
			t.Errorf("the log says %q, not %q", p.log, name)
		}
		if got := p.upload("?token=t1", []string{filePart("file")}); len(p.took()) != 1 {
			t.Errorf("an upload that needs no spool: %s", got.Text)
		}
	}
}

// The service has the first bytes before the client sends the last.
func TestAnUploadPassesThroughAsItComes(t *testing.T) {
	t.Parallel()
	p := newPublishBench(t)
	first := make(chan struct{})
	p.first = first
	body, out := io.Pipe()
	r := gatewaytest.Request(http.MethodPost, "/douyin/publish/action/?token=t1&title=a", body)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	begin := strings.Repeat("x", uploadChunk)
	sent := make(chan error, 1)
	go func() { // ends with the request
		_, err := io.WriteString(out, strings.TrimSuffix(filePart(begin+strings.Repeat("y", 4096)), "\r\n"))
		select {
		case <-first:
		case <-time.After(testTimeout):
			err = errors.New("nothing passed through")
		}
		_, endErr := io.WriteString(out, "end\r\n--b--\r\n")
		sent <- errors.Join(err, endErr, out.Close())
	}()
	got := p.do(r)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if all := p.took(); len(all) != 1 || all[0].File != begin+strings.Repeat("y", 4096)+"end" || p.spools != 0 {
		t.Errorf("%s, %d spooled", got.Text, p.spools)
	}
}

func TestAnUploadThatBreaksOffIsNotTaken(t *testing.T) {
	t.Parallel()
	p := newPublishBench(t)
	first := make(chan struct{})
	p.first = first
	form := bytes.NewReader([]byte(filePart(strings.Repeat("x", 2*uploadChunk)))) // no end of the form
	r := gatewaytest.Request(http.MethodPost, "/douyin/publish/action/?token=t1&title=a", form)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	p.refused(p.do(r), "40002", "data")
	select {
	case err := <-p.ended:
		if err == nil {
			t.Error("the stream ended as if it were whole")
		}
	case <-time.After(testTimeout):
		t.Error("the stream to the service goes on")
	}
	if all := p.took(); len(all) > 0 {
		t.Errorf("%d taken", len(all))
	}
}
