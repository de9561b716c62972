package stage

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMetricsAreAddedUp(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/debug/pprof/allocs" {
			_, _ = w.Write([]byte("heap profile: 1: 2 [3: 4] @ heap/1048576\n\n# runtime.MemStats\n# TotalAlloc = 2000\n# Mallocs = 1500000\n# Frees = 7\n"))
			return
		}
		_, _ = w.Write([]byte(`# HELP rpc_client_duration_milliseconds x
rpc_client_duration_milliseconds_bucket{rpc_method="A",le="5"} 99
rpc_client_duration_milliseconds_count{rpc_method="A"} 3
rpc_client_duration_milliseconds_count{rpc_method="B"} 4
db_client_operation_duration_seconds_count{pgx_operation_type="acquire"} 50
db_client_operation_duration_seconds_count{pgx_operation_type="batch"} 5
db_client_operation_duration_seconds_count{db_system_name="postgresql",pgx_operation_type="query"} 6
go_memory_allocations_total{otel_scope_name="x"} 9e+06
`))
	}))
	t.Cleanup(server.Close)
	c := Counters{Calls: 1}
	if err := c.scrape(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Counters{Calls: 8, Queries: 11, Allocations: 1.5e6, AllocatedBytes: 2000}, c); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Counters{Calls: 3.5}, Counters{Calls: 8}.Minus(Counters{Calls: 1}).Times(0.5)); diff != "" {
		t.Error(diff)
	}
}

func TestSuperuserTakesTheServicesPlace(t *testing.T) {
	t.Parallel()
	const want = "postgres://postgres@/douyin?host=%2Ftmp%2Fx&port=5432"
	for _, dsn := range []string{"postgres://{service}@/douyin?host=%2Ftmp%2Fx&port=5432", "postgres://%7Bservice%7D@/douyin?host=%2Ftmp%2Fx&port=5432"} {
		if got := adminDSN(dsn); got != want {
			t.Errorf("%s became %s", dsn, got)
		}
	}
}
