package workerpool

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func pod(isReady bool, ip string) *corev1.Pod {
	status := corev1.ConditionFalse
	if isReady {
		status = corev1.ConditionTrue
	}
	return &corev1.Pod{Status: corev1.PodStatus{PodIP: ip, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}}}
}

func TestAsksWorkersWhatTheyDo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ready  bool
		code   int
		body   string
		busy   int32
		silent bool
	}{
		"idle":                         {true, 200, `{"busy":0}`, 0, false},
		"busy":                         {true, 200, `{"busy":17}`, 17, false},
		"busier than a number can say": {true, 200, `{"busy":99999999999}`, 1<<31 - 1, false},
		"not ready":                    {false, 200, `{"busy":5}`, 0, false},
		"an older worker":              {true, 404, "not found", 1, true},
		"no answer to the question":    {true, 200, `{}`, 1, true},
		"nonsense":                     {true, 200, `<html>`, 1, true},
		"less than nothing":            {true, 200, `{"busy":-1}`, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/work" {
					t.Errorf("asked %s", r.URL.Path)
				}
				w.WriteHeader(tt.code)
				fmt.Fprint(w, tt.body)
			}))
			defer server.Close()
			host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
			n, _ := strconv.Atoi(port)
			a := &Asker{Port: n, Client: server.Client()}
			got := a.Ask(t.Context(), pod(tt.ready, host))
			if got.Busy != tt.busy || got.Silent != tt.silent {
				t.Errorf("busy %d, silent %v, want %d, %v", got.Busy, got.Silent, tt.busy, tt.silent)
			}
		})
	}
}

func TestAWorkerNobodyReachesCountsAsBusy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	a := &Asker{Port: port, Client: &http.Client{Timeout: time.Second}}
	if got := a.Ask(t.Context(), pod(true, "127.0.0.1")); got.Busy != 1 || !got.Silent {
		t.Errorf("busy %d, silent %v", got.Busy, got.Silent)
	}
}

func TestOnlyCostsThatChangeAreWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		had  string
		busy int32
		want string // "" for no write
	}{
		{"", 0, ""}, {"", 3, "3"}, {"3", 3, ""}, {"3", 0, "0"}, {"0", 0, ""}, {"junk", 2, "2"},
	} {
		p := pod(true, "")
		if tt.had != "" {
			p.Annotations = map[string]string{corev1.PodDeletionCost: tt.had}
		}
		got := ""
		if priced := (Work{Pod: p, Busy: tt.busy}).priced(); priced != nil {
			got = priced.Annotations[corev1.PodDeletionCost]
		}
		if got != tt.want {
			t.Errorf("had %q, busy %d: wrote %q, want %q", tt.had, tt.busy, got, tt.want)
		}
	}
}

func owner(name string, at time.Time, fields string) metav1.ManagedFieldsEntry {
	f := &metav1.FieldsV1{}
	f.SetRawString(fields)
	return metav1.ManagedFieldsEntry{Manager: name, Time: &metav1.Time{Time: at}, FieldsV1: f}
}

func TestKnowsWhoSetTheReplicas(t *testing.T) {
	t.Parallel()
	const spec, status, other = `{"f:spec":{"f:replicas":{}}}`, `{"f:status":{"f:replicas":{}}}`, `{"f:spec":{"f:template":{}}}`
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	d := func(replicas int32, owners ...metav1.ManagedFieldsEntry) *appsv1.Deployment {
		return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{ManagedFields: owners}, Spec: appsv1.DeploymentSpec{Replicas: &replicas}}
	}
	two := int32(2)
	for name, tt := range map[string]struct {
		d       *appsv1.Deployment
		desired *int32
		want    string
	}{
		"as the operator set it":           {d(2, owner(FieldManager, noon, spec)), &two, ""},
		"before the operator set anything": {d(7, owner("helm", noon, spec)), nil, ""},
		"somebody scaled by hand":          {d(7, owner("kubectl", noon, spec), owner("kube-controller-manager", noon, status)), &two, "kubectl"},
		"the last of two":                  {d(7, owner("hpa", noon.Add(time.Hour), spec), owner("helm", noon, spec)), &two, "hpa"},
		"the operator died after it set":   {d(7, owner(FieldManager, noon, spec), owner("helm", noon, other)), &two, ""},
	} {
		if got := rival(tt.d, tt.desired); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestAScaleSaysNothingButReplicas(t *testing.T) {
	t.Parallel()
	s := scaleOf(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "counter", Namespace: "shop", Labels: map[string]string{"a": "b"}}}, 3)
	if *s.Name != "counter" || *s.Namespace != "shop" || *s.Spec.Replicas != 3 || s.Labels != nil || s.Status != nil {
		t.Errorf("%+v", s)
	}
}

func TestQuantitiesKeepThreeDigits(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for name, rate := range map[string]float64{"none": 0, "small": 0.0123456, "one": 1.23456, "many": 12345.6} {
		q := quantity(rate)
		if q == nil {
			got[name] = "nil"
			continue
		}
		got[name] = q.String()
	}
	want := map[string]string{"none": "nil", "small": "12m", "one": "1230m", "many": "12300"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestETA(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		load  Load
		ready int32
		want  int64 // -1 for not known
	}{
		{Load{Backlog: 100, Rate: 10}, 2, 5}, {Load{Backlog: 101, Rate: 10}, 2, 6}, {Load{Rate: 10}, 0, 0}, {Load{}, 0, 0},
		{Load{Backlog: 100}, 2, -1}, {Load{Backlog: 100, Rate: 10}, 0, -1}, {Load{Backlog: 100, Rate: 10, Stalled: true}, 2, -1},
	} {
		got := int64(-1)
		if n := eta(tt.load, tt.ready); n != nil {
			got = *n
		}
		if got != tt.want {
			t.Errorf("%+v with %d: %d, want %d", tt.load, tt.ready, got, tt.want)
		}
	}
}
