package pace

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestSlowClientsHaveTheRateTheyNeed(t *testing.T) {
	t.Parallel()
	p := Pace{Stall: 5 * time.Second, Grace: 10 * time.Second, Rate: 64 << 10}
	for _, at := range []struct {
		so   progress
		want time.Duration
	}{
		{progress{}, 5 * time.Second},
		{progress{waited: 9 * time.Second}, time.Second},
		{progress{waited: 10 * time.Second}, 0},
		{progress{bytes: 640 << 10, waited: 10 * time.Second}, 5 * time.Second},
		{progress{bytes: 640 << 10, waited: 19 * time.Second}, time.Second},
		{progress{bytes: 1 << 40, waited: time.Hour}, 5 * time.Second},
	} {
		if got := p.nextWait(at.so); got != at.want {
			t.Errorf("%+v: %v, want %v", at.so, got, at.want)
		}
	}
}

// The deadline that a call began with is not that of an answer without a body.
func TestALateAnswerWithoutABodyIsSent(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(Pace{Stall: 50 * time.Millisecond, Grace: time.Hour, Rate: 64 << 10}.Handler(false, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(150 * time.Millisecond)
		w.WriteHeader(http.StatusNoContent)
	})))
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}
