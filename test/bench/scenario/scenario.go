package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/stage"
	"douyin.dev/test/harness"
)

// Limit names what a result is told as a share of.
type Limit string

// The limits; see package limits.
const (
	S    Limit = "S"
	H    Limit = "H"
	W    Limit = "W"
	None Limit = ""
)

// Target is the share of the limit to reach at 64 connections; 0 for none.
type Target struct{ Standalone, Mesh float64 }

// Of returns the target in a mode.
func (t Target) Of(m harness.Mode) float64 {
	if m == harness.Mesh {
		return t.Mesh
	}
	return t.Standalone
}

// Scenario is one kind of request.
type Scenario struct {
	Name string
	// Does says it to readers of the table.
	Does   string
	Limit  Limit
	Target Target
	// Writes: the workers have something to catch up with afterwards.
	Writes bool
	// Connections is the most that make sense; 0 for any number.
	Connections int
	// Open makes the clients of a load.
	Open func(w *stage.World, host string, connections int) func(connection int) load.Client
	// Verify compares the platform with what the load did; nil when answers say it all.
	Verify func(ctx context.Context, w *stage.World, api *harness.Client) error
}

// All returns the scenarios in the order of the table.
func All() []Scenario {
	return append(append(reads(), writes()...), heavy()...)
}

// Choose returns the named scenarios, in the order of the table.
func Choose(names []string) ([]Scenario, error) {
	if len(names) == 0 {
		return All(), nil
	}
	known, chosen := map[string]bool{}, map[string]bool{}
	for _, n := range names {
		chosen[n] = true
	}
	var some []Scenario
	for _, s := range All() {
		known[s.Name] = true
		if chosen[s.Name] {
			some = append(some, s)
		}
	}
	for _, n := range names {
		if !known[n] {
			return nil, fmt.Errorf("there is no scenario %q", n)
		}
	}
	return some, nil
}

// client is the Client of most scenarios: a function makes each request and
// the check of its answer.
type client struct {
	path  string
	next  func() (request []byte, judge func(*harness.Answer) error)
	done  func(err error) // may be nil
	judge func(*harness.Answer) error
}

// NewClient returns a client of a path: next makes each request and the check
// of its answer; done, if not nil, learns how it ended.
func NewClient(path string, next func() (request []byte, judge func(*harness.Answer) error), done func(error)) load.Client {
	return &client{path: path, next: next, done: done}
}

func (c *client) Next() []byte {
	var request []byte
	request, c.judge = c.next()
	return request
}

func (c *client) Done(err error) {
	if c.done != nil {
		c.done(err)
	}
}

func (c *client) Quick(a load.Answer) error { return quickJSON(a) }

func (c *client) Judge() func(load.Answer) error {
	path, judge := c.path, c.judge
	return func(a load.Answer) error { return judgeJSON(path, a, judge) }
}

// successPlaces is how far into a body the code of a success may be.
const successPlaces = 64

// quickJSON looks for a success in the first bytes of an answer.
func quickJSON(a load.Answer) error {
	if a.Status != http.StatusOK {
		return fmt.Errorf("HTTP %d: %s", a.Status, begin(a.Body))
	}
	head := a.Body[:min(len(a.Body), successPlaces)]
	_, after, found := bytes.Cut(head, []byte(`"status_code":0`))
	if !found || len(after) == 0 || (after[0] != ',' && after[0] != '}') {
		return fmt.Errorf("no success: %s", begin(a.Body))
	}
	return nil
}

func begin(body []byte) string {
	const most = 120
	return string(body[:min(len(body), most)])
}

// judgeJSON holds an answer to the rules of every answer, then to its own.
func judgeJSON(path string, a load.Answer, judge func(*harness.Answer) error) error {
	answer, err := harness.ReadAnswer(path, &http.Response{
		StatusCode: a.Status, Header: http.Header{"Content-Type": {a.ContentType}}, Body: body{bytes.NewReader(a.Body)},
	})
	if err != nil {
		return err
	}
	if found := harness.Lint(answer); len(found) > 0 {
		return fmt.Errorf("%s: %q", path, found[:min(len(found), 3)])
	}
	if answer.Code() != 0 {
		return errors.New(answer.String())
	}
	if err := judge(answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }
