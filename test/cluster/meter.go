package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// meter stands between clients and the gateway and counts how calls end. What
// it cannot pass on ends for the client as it did here: without an answer.
type meter struct {
	server *httptest.Server
	proxy  *httputil.ReverseProxy
	pace   *time.Ticker
	within time.Duration // an answer must come

	mu     sync.Mutex
	counts counts
}

// counts are calls by how they ended.
type counts struct {
	// Answered calls, refusals of the client's mistakes among them.
	Answered int
	// Reset are connections that ended before an answer.
	Reset int
	// Failed by what went wrong: everything else.
	Failed map[string]int
}

// failures is how many calls failed otherwise than by a reset connection.
func (c counts) failures() int {
	n := 0
	for _, v := range c.Failed {
		n += v
	}
	return n
}

func (c counts) String() string {
	return fmt.Sprintf("calls=%d reset=%d failed=%d %v", c.Answered+c.Reset+c.failures(), c.Reset, c.failures(), c.Failed)
}

// perSecond is how many calls a meter lets through: less than two processors
// serve, because a machine that is full shows nothing about restarts.
const perSecond = 150

// answerWithin is less than a client's patience: a call nobody answers is counted here.
const answerWithin = 25 * time.Second

// ServeHTTP lets a call through when its turn has come.
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-m.pace.C:
		ctx, cancel := context.WithTimeout(r.Context(), m.within)
		defer cancel()
		m.proxy.ServeHTTP(w, r.WithContext(ctx))
	case <-r.Context().Done():
	}
}

// newMeter starts a meter before the server at base. keepAlive says whether
// calls share connections; without, each is balanced anew.
func newMeter(base string, keepAlive bool) (*meter, error) {
	target, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("meter: %w", err)
	}
	m := &meter{counts: counts{Failed: map[string]int{}}, pace: time.NewTicker(time.Second / perSecond), within: answerWithin}
	m.proxy = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true, DisableKeepAlives: !keepAlive},
		ModifyResponse: m.answered,
		ErrorHandler:   m.failed,
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	m.server = httptest.NewUnstartedServer(m)
	m.server.Config.ErrorLog = m.proxy.ErrorLog // calls that are cut on purpose
	m.server.Start()
	return m, nil
}

func (m *meter) url() string { return m.server.URL }

func (m *meter) close() {
	m.server.Close()
	m.pace.Stop()
}

// take returns the counts since it was last called.
func (m *meter) take() counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counts
	m.counts = counts{Failed: map[string]int{}}
	return c
}

func (m *meter) count(change func(*counts)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.counts)
}

// serverCodes begin the status codes that are the platform's fault.
const serverCodes = 50000

// answered counts an answer that came. Its body is read here, so that one that
// breaks off is noticed.
func (m *meter) answered(res *http.Response) error {
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	var envelope struct {
		StatusCode int    `json:"status_code"`
		StatusMsg  string `json:"status_msg"`
	}
	isJSON := strings.HasPrefix(res.Header.Get("Content-Type"), "application/json")
	switch {
	case res.StatusCode >= http.StatusInternalServerError:
		m.count(func(c *counts) { c.Failed[res.Status]++ })
	case isJSON && json.Unmarshal(body, &envelope) == nil && envelope.StatusCode >= serverCodes:
		m.count(func(c *counts) {
			c.Failed[fmt.Sprintf("%d %s %s", envelope.StatusCode, envelope.StatusMsg, res.Request.URL.Path)]++
		})
	default:
		m.count(func(c *counts) { c.Answered++ })
	}
	return nil
}

// failed counts a call without an answer and cuts it off.
func (m *meter) failed(_ http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(r.Context().Err(), context.Canceled):
		// The client went away.
	case errors.Is(r.Context().Err(), context.DeadlineExceeded):
		m.count(func(c *counts) { c.Failed["no answer"]++ })
	case isReset(err):
		m.count(func(c *counts) { c.Reset++ })
	default:
		m.count(func(c *counts) { c.Failed[reason(err)]++ })
	}
	panic(http.ErrAbortHandler)
}

// isReset reports whether a connection ended in the middle of a call.
func isReset(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || strings.Contains(err.Error(), "server closed idle connection")
}

// reason names an error without addresses, which differ from call to call.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
