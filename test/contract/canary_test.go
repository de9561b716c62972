package contract_test

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"connectrpc.com/connect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/test/harness"
)

// canary is a secret that was planted. It may appear where it belongs only.
type canary struct{ what, text string }

func newCanary(what string) canary {
	return canary{what, "canary" + strings.ReplaceAll(harness.Name(""), "_", "")}
}

// Passwords, tokens and messages show up in the answers to their owners and
// nowhere else: not in logs at their most talkative, spans, metrics or errors.
// Not parallel: the list of traces keeps the newest, which must be ours.
func TestSecretsAppearNowhereElse(t *testing.T) {
	private, err := platform.PrivateURLs()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := platform.Log(); err != nil || len(private) == 0 {
		t.Skip("needs the platform's log and its private port")
	}
	for _, url := range private {
		setLogLevel(t, url, "debug")
		t.Cleanup(func() { setLogLevel(t, url, "info") })
	}
	secrets := &secrets{}
	secrets.spend(t)

	text, err := platform.Log()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"level"`)) {
		t.Errorf("the log has no line: %q", text)
	}
	secrets.absent(t, "the log", text)
	traces := 0
	for _, url := range private {
		for _, page := range []string{"/metrics", "/debug/pprof/goroutine?debug=2"} {
			secrets.absent(t, page, mustFetch(t, url+page))
		}
		list := mustFetch(t, url+"/traces")
		secrets.absent(t, "/traces", list)
		for _, link := range traceLink.FindAllSubmatch(list, -1) {
			traces++
			secrets.absent(t, "a trace", mustFetch(t, url+string(link[1])))
		}
	}
	if traces == 0 {
		t.Error("no trace was seen: the test shows nothing of spans")
	}
}

var traceLink = regexp.MustCompile(`href="(/traces/[0-9a-f]+)"`)

func mustFetch(t *testing.T, url string) []byte {
	t.Helper()
	text, err := harness.Fetch(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func setLogLevel(t *testing.T, url, level string) {
	t.Helper()
	// Also at the end of the test, when its context is over.
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPut, url+"/loglevel?level="+level, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("set log level: %s %v", res.Status, err)
	}
}

type secrets struct{ all []canary }

func (s *secrets) plant(what string) string {
	c := newCanary(what)
	s.all = append(s.all, c)
	return c.text
}

func (s *secrets) keep(what, text string) { s.all = append(s.all, canary{what, text}) }

func (s *secrets) absent(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, c := range s.all {
		if at := bytes.Index(text, []byte(c.text)); at >= 0 {
			t.Errorf("a %s is in %s: …%s…", c.what, where, text[max(0, at-120):min(len(text), at+120)])
		}
	}
}

// silent checks that a refusal does not repeat what it refuses.
func (s *secrets) silent(t *testing.T, a *harness.Answer) {
	t.Helper()
	if a.Code() == 0 {
		t.Errorf("not refused: %s", a)
	}
	s.absent(t, "a refusal of "+a.Path, a.Body)
}

// spend uses secrets in every way a client does: well, wrongly, in the wrong
// place and over both faces.
func (s *secrets) spend(t *testing.T) {
	t.Helper()
	p := &person{name: harness.Name("canary"), password: s.plant("password")}
	p.enter(t, "/douyin/user/register/")
	s.keep("token", p.token)
	p.enter(t, "/douyin/user/login/")
	s.keep("token", p.token)
	s.silent(t, anonymous().post(t, "/douyin/user/register/", "username", p.name, "password", s.plant("password")))
	s.silent(t, anonymous().post(t, "/douyin/user/login/", "username", p.name, "password", s.plant("wrong password")))
	s.silent(t, anonymous().do(t, harness.Call{Method: post, Path: "/douyin/user/login/", Query: harness.Values("username", p.name, "password", s.plant("password in a query"))}))
	s.silent(t, anonymous().post(t, "/douyin/user/register/", "username", harness.Name("c"), "password", strings.Repeat(s.plant("long password"), 20)))
	changed := s.plant("new password")
	s.silent(t, p.post(t, "/douyin/user/password/", "old_password", s.plant("wrong old password"), "new_password", changed))
	p.mustPost(t, "/douyin/user/password/", "old_password", p.password, "new_password", changed)
	p.password = changed
	p.enter(t, "/douyin/user/login/")
	s.keep("token", p.token)

	s.silent(t, p.get(t, "/douyin/no/such/path/"))
	s.silent(t, p.do(t, harness.Call{Method: http.MethodPut, Path: "/douyin/user/"}))
	bad := s.plant("bad token")
	for _, carrier := range []string{"Authorization", "Access-Token", "Token"} {
		s.silent(t, anonymous().do(t, harness.Call{Path: "/douyin/user/", Header: http.Header{carrier: {"Bearer " + bad}}}))
	}
	s.silent(t, anonymous().get(t, "/douyin/user/", "token", bad))
	s.silent(t, p.upload(t, []byte(s.plant("file that is no video")), "canary"))

	peer := theStage(t).crowd.id
	p.say(t, peer, s.plant("message"))
	s.silent(t, p.post(t, "/douyin/message/action/", "to_user_id", text(peer), "action_type", "1", "content", strings.Repeat(s.plant("long message"), 60)))
	s.silent(t, p.post(t, "/douyin/message/action/", "to_user_id", "987654321", "action_type", "1", "content", s.plant("message to nobody")))
	s.silent(t, p.post(t, "/douyin/message/action/", "to_user_id", text(peer), "action_type", "7", "content", s.plant("message of a bad action")))
	header := http.Header{"Content-Type": {"application/json"}}
	s.silent(t, p.do(t, harness.Call{Path: "/douyin/message/action/", Header: header, Raw: []byte(`{"content":"` + s.plant("broken message"))}))
	answer := p.mustGet(t, "/douyin/message/chat/", "to_user_id", text(peer))
	if !bytes.Contains(answer.Body, []byte(s.all[len(s.all)-5].text)) {
		t.Errorf("the message itself is not in the chat: %s", answer)
	}
	s.spendOverConnect(t, p, peer)
}

func (s *secrets) spendOverConnect(t *testing.T, p *person, peer int64) {
	t.Helper()
	for _, protocol := range protocols() {
		api := protocol.as(p.token)
		if _, err := api.message.SendMessage(t.Context(), &apiv1.SendMessageRequest{ToUserId: peer, Content: s.plant("message")}); err != nil {
			t.Error(err)
		}
		_, err := api.message.SendMessage(t.Context(), &apiv1.SendMessageRequest{ToUserId: 987654321, Content: s.plant("message to nobody")})
		s.quiet(t, err)
		_, err = protocol.as("").user.Login(t.Context(), &apiv1.LoginRequest{Username: p.name, Password: s.plant("wrong password")})
		s.quiet(t, err)
		_, err = protocol.as(s.plant("bad token")).user.GetUser(t.Context(), &apiv1.GetUserRequest{})
		s.quiet(t, err)
	}
}

// quiet is silent for an error of Connect.
func (s *secrets) quiet(t *testing.T, err error) {
	t.Helper()
	if connect.CodeOf(err) == connect.CodeUnknown {
		t.Errorf("not refused as it should: %v", err)
		return
	}
	s.absent(t, "an error", []byte(err.Error()))
}
