package hostile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"douyin.dev/test/harness"
)

// Budget is how much of one thing a client may have at the same time.
type Budget struct {
	// Name continues a test's name.
	Name string
	// N is how much, and PerSecond how much comes back where nothing is held.
	N         int
	PerSecond float64
	// Take asks for the i-th, from 0 on. What is given is held until it is released;
	// release is nil where nothing is given or held.
	Take func(ctx context.Context, a *Attacker, i int) (given bool, release func(), err error)
}

// Budgets returns those of a platform with its defaults.
func Budgets() []Budget {
	return []Budget{
		{Name: "RegistrationsOfAnAddress", N: registrationsPerAddress, PerSecond: 0.1, Take: takeRegistration},
		{Name: "ConnectionsOfAnAddress", N: 512, Take: takeConnection},
		{Name: "CallsOfAnAddress", N: 128, Take: takeCall},
		{Name: "DownloadsOfAnAddress", N: 64, Take: takeDownload},
		{Name: "StreamsOfAnAddress", N: 20, Take: streamsOf(4)},
		{Name: "StreamsOfAUser", N: 5, Take: streamsOf(6)},
	}
}

// codeTooMany is the status_code of a refusal because of a budget.
const codeTooMany = 10009

// decide reads whether an answer gives what was asked for: it does with
// status_code 0, and refuses with codeTooMany, or 503 where media was asked for.
func decide(answer *harness.Answer) (bool, error) {
	switch {
	case answer.Code() == 0:
		return true, nil
	case answer.Code() == codeTooMany, answer.HTTP == http.StatusServiceUnavailable:
		return false, nil
	}
	return false, fmt.Errorf("want status_code 0 or %d: %s", codeTooMany, answer)
}

func takeRegistration(ctx context.Context, a *Attacker, _ int) (bool, func(), error) {
	answer, err := a.client(0).Post(ctx, "/douyin/user/register/", "username", harness.Name("b"), "password", password)
	if err != nil {
		return false, nil, err
	}
	given, err := decide(answer)
	return given, nil, err
}

// takeConnection makes a connection of which nothing is asked any more. One that
// is too many is closed without an answer.
func takeConnection(ctx context.Context, a *Attacker, _ int) (bool, func(), error) {
	res, release, err := a.begin(ctx, a.head("GET", "/ping")) //nolint:bodyclose // it ends with release
	if err != nil {
		return false, nil, nil //nolint:nilerr // a connection that is refused is closed: the answer asked for
	}
	return res.StatusCode == http.StatusOK, release, nil
}

// takeCall begins a call whose body does not come.
func takeCall(ctx context.Context, a *Attacker, _ int) (bool, func(), error) {
	return a.takeBody(ctx, "/douyin/user/login/", "Content-Type: application/x-www-form-urlencoded")
}

// takeDownload begins to read a large video and does not go on.
func takeDownload(ctx context.Context, a *Attacker, _ int) (bool, func(), error) {
	return a.takeAnswer(ctx, a.head("GET", strings.TrimPrefix(a.large.PlayURL, a.URL)), "video/mp4")
}

// streamsOf takes message streams, so many for each user.
func streamsOf(each int) func(context.Context, *Attacker, int) (bool, func(), error) {
	var u *user
	return func(ctx context.Context, a *Attacker, i int) (bool, func(), error) {
		if i%each == 0 {
			var err error
			if u, err = a.register(ctx, 0); err != nil {
				return false, nil, err
			}
		}
		return a.takeAnswer(ctx, a.head("GET", "/douyin/message/stream", "Authorization: Bearer "+u.token), "text/event-stream")
	}
}

// takeAnswer takes an answer of a kind whose body is not read.
func (a *Attacker) takeAnswer(ctx context.Context, head, contentType string) (bool, func(), error) {
	res, release, err := a.begin(ctx, head) //nolint:bodyclose // it ends with release
	if err != nil {
		return false, nil, err
	}
	if res.StatusCode == http.StatusOK && strings.HasPrefix(res.Header.Get("Content-Type"), contentType) {
		return true, release, nil
	}
	return a.refusal(res, release)
}

// takeBody takes the right to send a body, which the platform asks for when it
// begins to read it, and does not send it.
func (a *Attacker) takeBody(ctx context.Context, target string, fields ...string) (bool, func(), error) {
	res, release, err := a.begin(ctx, a.head("POST", target, append(fields, "Content-Length: 100000", "Expect: 100-continue")...)) //nolint:bodyclose // it ends with release
	if err != nil {
		return false, nil, err
	}
	if res.StatusCode == http.StatusContinue {
		return true, release, nil
	}
	return a.refusal(res, release)
}

// refusal reads an answer that does not give what was asked for.
func (a *Attacker) refusal(res *http.Response, release func()) (bool, func(), error) {
	defer release()
	answer, err := harness.ReadAnswer("", res)
	if err != nil {
		return false, nil, err
	}
	given, err := decide(answer)
	if given {
		err = errors.New("the answer came before what it is about")
	}
	return false, nil, err
}

// begin sends the head of a request over a connection of its own, and reads the
// head of the answer. The connection ends with release.
func (a *Attacker) begin(ctx context.Context, head string) (res *http.Response, release func(), err error) {
	conn, err := a.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(probeLimit))
	if _, err = io.WriteString(conn, head); err == nil {
		res, err = http.ReadResponse(bufio.NewReader(conn), nil)
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return res, func() { _ = conn.Close() }, nil
}
