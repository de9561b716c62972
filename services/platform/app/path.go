package app

import (
	"net/http"
	"path"
)

// asSent routes a path that ServeMux would answer with a redirect ("/a//b",
// "/a/../b") to the root handler instead: no client is sent elsewhere.
func asSent(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.Path
		clean := path.Clean(p)
		if len(p) > 1 && p[len(p)-1] == '/' {
			clean += "/"
		}
		if p == "" || p == clean {
			mux.ServeHTTP(w, r)
			return
		}
		root := r.Clone(r.Context())
		root.URL.Path = "/"
		h, _ := mux.Handler(root)
		h.ServeHTTP(w, r)
	})
}
