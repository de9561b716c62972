package memhttp_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"douyin.dev/services/platform/memhttp"
)

// A client calls a handler of its own process, with HTTP's semantics and without a network.
func ExampleServer() {
	server := memhttp.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.URL.Query().Get("name"))
	}), slog.New(slog.DiscardHandler))
	defer func() { _ = server.Close() }()

	res, err := (&http.Client{Transport: server}).Get("http://inside/?name=anna")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(body), err)
	// Output: 200 hello anna <nil>
}
