package chart

import (
	"cmp"
	"slices"
	"strings"
)

// Share is what a kind of work takes of all processor time, 0 to 1.
type Share struct {
	Kind string  `json:"kind"`
	Part float64 `json:"part"`
}

// kinds of work, by how the names of their functions begin. A sample belongs
// to the kind of its innermost call that has one. Never changed.
var kinds = []struct {
	name     string
	prefixes []string
}{
	{"garbage collection", []string{"runtime.gcBgMarkWorker", "runtime.gcAssist", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart"}},
	{"allocation", []string{"runtime.mallocgc", "runtime.newobject", "runtime.growslice", "runtime.makeslice"}},
	{"goroutines", []string{"runtime.mcall", "runtime.schedule", "runtime.findRunnable", "runtime.newstack", "runtime.newproc", "runtime.goready"}},
	{"telemetry", []string{"go.opentelemetry.io/", "connectrpc.com/otelconnect", "github.com/exaring/otelpgx", "douyin.dev/services/platform/telemetry", "github.com/redis/rueidis/rueidisotel"}},
	{"Postgres client", []string{"github.com/jackc/"}},
	{"Redis client", []string{"github.com/redis/"}},
	{"Kafka", []string{"github.com/segmentio/", "github.com/twmb/"}},
	{"object store", []string{"github.com/versity/", "github.com/aws/", "github.com/gofiber/", "github.com/valyala/"}},
	{"JSON", []string{"douyin.dev/gateway/rest/numjson", "encoding/json"}},
	{"protobuf", []string{"google.golang.org/protobuf"}},
	{"calls between services", []string{"connectrpc.com/", "douyin.dev/services/platform/rpc", "douyin.dev/services/platform/memhttp", "net/http.(*http2", "golang.org/x/net/http2", "google.golang.org/grpc"}},
	{"password hashing", []string{"golang.org/x/crypto/", "github.com/alexedwards/argon2id"}},
	{"caches", []string{"github.com/maypok86/otter", "douyin.dev/services/platform/cache"}},
	{"HTTP", []string{"net/http.", "github.com/grpc-ecosystem/", "github.com/klauspost/", "net/url."}},
	{"our own code", []string{"douyin.dev/"}},
}

// Shares tells what kinds of work took the time, the largest first.
func Shares(stacks []Stack) []Share {
	sums, all := map[string]float64{}, 0.0
	for _, s := range stacks {
		sums[kindOf(s.Frames)] += s.Seconds
		all += s.Seconds
	}
	var shares []Share
	for kind, seconds := range sums {
		shares = append(shares, Share{kind, seconds / all})
	}
	slices.SortFunc(shares, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Part, a.Part), cmp.Compare(a.Kind, b.Kind))
	})
	return shares
}

func kindOf(frames []string) string {
	for _, frame := range slices.Backward(frames) {
		for _, k := range kinds {
			for _, prefix := range k.prefixes {
				if strings.HasPrefix(frame, prefix) {
					return k.name
				}
			}
		}
	}
	return "other"
}
