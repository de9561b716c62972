package hostile

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// manyTracks publishes files of 704 kB with 2,000 tracks and 10,000 fragments,
// four at the same time: the prober has a budget.
func manyTracks(ctx context.Context, a *Attacker) error {
	u, err := a.register(ctx, 0)
	if err != nil {
		return err
	}
	file := media.ManyTracks(2000, 10_000)
	var published atomic.Int64
	flood(ctx, 12, 4, 4, func(ctx context.Context, _ int) {
		if u.publish(ctx, file, "tracks") == nil {
			published.Add(1)
		}
	})
	if n := published.Load(); n > 0 {
		return fmt.Errorf("%d files that no player plays were published", n)
	}
	return nil
}

// manyParameters sends 100,000 parameters in a form, and thousands in a query: 64
// are read.
func manyParameters(ctx context.Context, a *Attacker) error {
	form := strings.Repeat("a=1&", 100_000)
	query := strings.Repeat("&a=1", 5000)
	return a.refusedWork(ctx, 600, func(i int) harness.Call {
		path := []string{"/douyin/feed/", "/douyin/user/login/", "/douyin/comment/list/"}[i/2%3]
		if i%2 == 0 {
			return harness.Call{Method: "POST", Path: path, Raw: []byte(form), Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
		}
		return harness.Call{Path: path + "?x=1" + query}
	})
}

// deepJSON sends a MiB of nested lists and objects, to the dialect and to Connect.
func deepJSON(ctx context.Context, a *Attacker) error {
	const size = 1<<20 - 1000
	lists := []byte(`{"a":` + strings.Repeat("[", size))
	objects := []byte(strings.Repeat(`{"a":`, size/5))
	return a.refusedWork(ctx, 300, func(i int) harness.Call {
		path := []string{"/douyin/user/login/", "/douyin.api.v1.UserService/Login"}[i/2%2]
		return harness.Call{Path: path, Raw: [][]byte{lists, objects}[i%2], Header: http.Header{"Content-Type": {"application/json"}}}
	})
}

// manyParts sends forms of 10,000 parts, and parts with a thousand fields.
func manyParts(ctx context.Context, a *Attacker) error {
	parts := strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", 10_000) + "--b--\r\n"
	fields := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n" + strings.Repeat("X-Field: 1\r\n", 50_000) + "\r\n1\r\n--b--\r\n"
	return a.refusedWork(ctx, 600, func(i int) harness.Call {
		path := []string{"/douyin/user/login/", "/douyin/publish/action/"}[i/2%2]
		return harness.Call{Path: path, Raw: []byte([]string{parts, fields}[i%2]), Header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}}
	})
}

// refusedWork makes calls whose work is out of proportion, and wants every one of
// them refused by the dialect or by HTTP, none of them answered 50001.
func (a *Attacker) refusedWork(ctx context.Context, n int, call func(i int) harness.Call) error {
	client := a.client(0)
	problems := make(chan error, n)
	flood(ctx, n, 100, 4, func(ctx context.Context, i int) {
		answer, err := client.Do(ctx, call(i))
		if err != nil {
			return // closed in the middle of its body, most likely
		}
		if answer.HTTP == http.StatusOK && (answer.Code() == 0 || answer.Code() == 50001) || answer.HTTP == http.StatusInternalServerError {
			problems <- fmt.Errorf("want a refusal: %s", answer)
		}
	})
	close(problems)
	return <-problems
}

// manyRanges asks for 4,000 pieces of a large video in one request, and for pieces
// that no file has.
func manyRanges(ctx context.Context, a *Attacker) error {
	target := strings.TrimPrefix(a.large.PlayURL, a.URL)
	ranges := []string{
		"bytes=" + strings.TrimSuffix(strings.Repeat("0-,", 4000), ","),
		"bytes=" + strings.TrimSuffix(strings.Repeat("1-1,", 4000), ","),
		"bytes=18446744073709551615-", "bytes=-18446744073709551615", "bytes=5-1", "bytes=-0", "bytes=--1", "bytes=\x7f", "lines=1-2",
	}
	client := a.client(0)
	problems := make(chan error, 1000)
	flood(ctx, 1000, 200, 4, func(ctx context.Context, i int) {
		res, err := client.Open(ctx, harness.Call{Path: target, Header: http.Header{"Range": {ranges[i%len(ranges)]}}})
		if err != nil {
			return
		}
		defer res.Body.Close()
		if res.StatusCode >= http.StatusInternalServerError {
			problems <- fmt.Errorf("Range %.30q is answered %s", ranges[i%len(ranges)], res.Status)
		}
	})
	close(problems)
	return <-problems
}
