package cluster

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// call makes a call that may end in any way.
func call(url string) {
	res, err := http.Post(url, "text/plain", strings.NewReader("a call that is not sent twice"))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

func TestTheMeterTellsHowCallsEnd(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/ok":
			_, _ = io.WriteString(w, `{"status_code":0}`)
		case "/refused":
			_, _ = io.WriteString(w, `{"status_code":10004,"status_msg":"your mistake"}`)
		case "/unavailable":
			_, _ = io.WriteString(w, `{"status_code":50002,"status_msg":"later"}`)
		case "/500":
			w.WriteHeader(http.StatusInternalServerError)
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/half":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"status`)
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	m, err := newMeter(server.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	for _, path := range []string{"/ok", "/ok", "/refused", "/unavailable", "/500", "/cut", "/half"} {
		call(m.url() + path)
	}
	want := counts{Answered: 3, Reset: 2, Failed: map[string]int{"50002 later /unavailable": 1, "500 Internal Server Error": 1}}
	if diff := cmp.Diff(want, m.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	server.Close()
	call(m.url() + "/ok")
	if c := m.take(); c.failures() != 1 || c.Reset != 0 || c.Answered != 0 {
		t.Errorf("nobody listens: %v", c)
	}
}

func TestTheMeterCountsACallNobodyAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			_, _ = io.WriteString(w, `{"status`)
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(io.Discard, r.Body) // or it would not be seen that the caller went away
		<-r.Context().Done()
	}))
	defer server.Close()
	m, err := newMeter(server.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	m.within = 50 * time.Millisecond
	call(m.url() + "/")
	call(m.url() + "/half")
	if diff := cmp.Diff(counts{Failed: map[string]int{"no answer": 2}}, m.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const exposition = `# TYPE rpc_server_duration_milliseconds histogram
rpc_server_duration_milliseconds_bucket{rpc_method="A",le="5"} 7
rpc_server_duration_milliseconds_sum{rpc_method="A"} 12.5
rpc_server_duration_milliseconds_count{rpc_method="A",path="/a b}{"} 8
rpc_server_duration_milliseconds_count{rpc_method="B"} 1.5e+01
rpc_server_duration_milliseconds_count_total 100
`

// Who shows a certificate, and who is asked for one.
func TestTheChartNamesTheServices(t *testing.T) {
	t.Parallel()
	all, called, err := chartServices()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gateway", "counter", "counter-worker", "transcode"} {
		if !slices.Contains(all, name) {
			t.Errorf("%s is not among %v", name, all)
		}
	}
	if slices.Contains(called, "gateway") || slices.Contains(called, "counter-worker") || !slices.Contains(called, "counter") {
		t.Errorf("calls inside the mesh are answered by %v", called)
	}
}

func TestServedCallsAreSummedOverLabels(t *testing.T) {
	t.Parallel()
	if got, err := servedCalls(exposition); err != nil || got != 23 {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := servedCalls("up 1\n"); err != nil || got != 0 {
		t.Errorf("nobody has called: %v, %v", got, err)
	}
	if _, err := servedCalls("rpc_server_duration_milliseconds_count many\n"); err == nil {
		t.Error("a value that is no number was accepted")
	}
}

func TestSpreadComparesTheBusiestWithTheLeast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		loads map[string]float64
		want  float64
	}{
		{nil, 0},
		{map[string]float64{"a": 0, "b": 0}, 0},
		{map[string]float64{"a": 100, "b": 100}, 0},
		{map[string]float64{"a": 100, "b": 125, "c": 110}, 0.25},
		{map[string]float64{"a": 0, "b": 70}, 70},
	} {
		if got := spread(c.loads); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: %v, want %v", c.loads, got, c.want)
		}
	}
}

func TestMemoryIsThatOfTheNamespace(t *testing.T) {
	t.Parallel()
	got := map[string]usage{}
	err := addUsage(got, `{"pods":[
		{"podRef":{"name":"a","namespace":"ours"},"containers":[{"memory":{"rssBytes":5,"workingSetBytes":50}},{"memory":{"rssBytes":7,"workingSetBytes":70}}]},
		{"podRef":{"name":"b","namespace":"theirs"},"containers":[{"memory":{"rssBytes":9}}]}]}`, "ours")
	if diff := cmp.Diff(map[string]usage{"a": {12, 120}}, got, cmp.AllowUnexported(usage{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestAClusterIsKnownByItsContext(t *testing.T) {
	t.Parallel()
	for current, want := range map[string]string{
		"kind-x":   "kind load image-archive --name x",
		"k3d-y":    "k3d image import --cluster y",
		"minikube": "minikube image load",
		"mine":     "ctr --namespace k8s.io images import",
	} {
		words, err := loaderFor(current, true)
		if got := strings.Join(words, " "); err != nil || got != want {
			t.Errorf("%s: %q, %v", current, got, err)
		}
	}
	if _, err := loaderFor("mine", false); err == nil {
		t.Error("a cluster that nothing is known of was accepted")
	}
}

func TestEachStoreHasAVolume(t *testing.T) {
	t.Parallel()
	if n := strings.Count(volumes("ns", "ns-volumes", "node"), "kind: PersistentVolume\n"); n != len(stores) {
		t.Errorf("%d volumes for %d stores", n, len(stores))
	}
}
