package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// FuzzRange: a Range that media takes is answered with the part it names or
// refused with the size, and never with something between.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-0", "bytes=2-4", "bytes=-3", "bytes=-0", "bytes=9-0", "bytes=0-1,4-5", "lines=1-2", "bytes=99999999999999999999-", "bytes=10-"} {
		f.Add(seed)
	}
	body := []byte("0123456789")
	f.Fuzz(func(t *testing.T, asked string) {
		if !servesRange(asked) {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Range", asked)
		w := httptest.NewRecorder()
		http.ServeContent(w, r, "a.mp4", time.Time{}, bytes.NewReader(body))
		place := w.Header().Get("Content-Range")
		if w.Code == http.StatusRequestedRangeNotSatisfiable {
			if place != "bytes */10" {
				t.Errorf("%q is refused with %q", asked, place)
			}
			return
		}
		var from, to int
		if _, err := fmt.Sscanf(place, "bytes %d-%d/10", &from, &to); err != nil || w.Code != http.StatusPartialContent || from > to || to > 9 {
			t.Fatalf("%q: HTTP %d, %q", asked, w.Code, place)
		}
		if !bytes.Equal(w.Body.Bytes(), body[from:to+1]) {
			t.Errorf("%q: %q", asked, w.Body)
		}
	})
}
