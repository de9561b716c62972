package cache

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"
)

// Options describe a family of copies. Name, Codec, Version and Load are required.
type Options[K comparable, V any] struct {
	// Name of the family: lower case letters and "-". It is part of every key.
	Name string
	// Redis holds the second level. Nil: there is none.
	Redis rueidis.Client
	// SingleProcess says that no other process has copies of this family. Without
	// Redis the first level is used only then: nobody could tell it of a change.
	SingleProcess bool

	// Key writes a key for Redis and ParseKey reads it back. Both may be nil
	// where K is an integer or a string.
	Key      func(K) string
	ParseKey func(string) (K, error)
	// Codec writes and reads values for Redis.
	Codec Codec[V]
	// Version of a value: positive, and higher after each change.
	Version func(V) int64
	// Load reads the truth. A key it leaves out does not exist. Its context ends
	// after ten seconds and not with a caller: others wait for the same answer.
	Load func(ctx context.Context, keys []K) (map[K]V, error)

	// L1Size is how many entries this process keeps; 0 for 10,000.
	L1Size int
	// L1TTL is how long; 0 for 5 s. It bounds what a lost invalidation can do.
	L1TTL time.Duration
	// L2TTL is how long Redis keeps an entry, give or take a tenth; 0 for 10 min.
	L2TTL time.Duration
	// NegativeTTL is how long it is believed that a key does not exist; 0 for 3 s.
	NegativeTTL time.Duration

	// Deadline of a call to Redis; 0 for 50 ms.
	Deadline time.Duration
	// Meters gets the counts; nil for none.
	Meters metric.MeterProvider
}

// complete checks o and fills in what is left out.
func (o Options[K, V]) complete() (Options[K, V], error) {
	if o.Name == "" || o.Load == nil || o.Version == nil {
		return o, errors.New("cache needs a name, a version and a way to load")
	}
	if o.Redis != nil && (o.Codec.Marshal == nil || o.Codec.Unmarshal == nil) {
		return o, fmt.Errorf("cache %s needs a codec for Redis", o.Name)
	}
	if o.Key == nil {
		o.Key = defaultKey[K]()
	}
	if o.ParseKey == nil {
		o.ParseKey = defaultParseKey[K]()
	}
	if o.Key == nil || o.ParseKey == nil {
		return o, fmt.Errorf("cache %s needs Key and ParseKey for %v", o.Name, reflect.TypeFor[K]())
	}
	o.L1Size = orDefault(o.L1Size, 10_000)
	o.L1TTL = orDefault(o.L1TTL, 5*time.Second)
	o.L2TTL = orDefault(o.L2TTL, 10*time.Minute)
	o.NegativeTTL = orDefault(o.NegativeTTL, 3*time.Second)
	o.Deadline = orDefault(o.Deadline, 50*time.Millisecond)
	return o, nil
}

func orDefault[T int | time.Duration](value, def T) T {
	if value <= 0 {
		return def
	}
	return value
}

// defaultKey writes integers in decimal and strings as they are.
func defaultKey[K comparable]() func(K) string {
	switch kindOf[K]() {
	case reflect.Int:
		return func(k K) string { return strconv.FormatInt(reflect.ValueOf(k).Int(), 10) }
	case reflect.String:
		return func(k K) string { return reflect.ValueOf(k).String() }
	default:
		return nil
	}
}

// defaultParseKey reads what defaultKey writes; a Key of the caller's own for
// such a K must write the same, or bring its ParseKey.
func defaultParseKey[K comparable]() func(string) (K, error) {
	switch kindOf[K]() {
	case reflect.Int:
		return func(s string) (k K, err error) {
			n, err := strconv.ParseInt(s, 10, 64)
			reflect.ValueOf(&k).Elem().SetInt(n)
			return k, err
		}
	case reflect.String:
		return func(s string) (k K, err error) {
			reflect.ValueOf(&k).Elem().SetString(s)
			return k, nil
		}
	default:
		return nil
	}
}

// kindOf folds the signed integers into Int.
func kindOf[K comparable]() reflect.Kind {
	t := reflect.TypeFor[K]()
	if t.Kind() == reflect.Interface {
		return reflect.Interface
	}
	if reflect.Zero(t).CanInt() {
		return reflect.Int
	}
	return t.Kind()
}
