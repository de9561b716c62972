package video

import (
	"context"
	"iter"
	"testing"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/infratest"
)

func infratestS3(t *testing.T) blob.Config { return infratest.S3(t) }

// base is the first id a bench uses.
func base(d *Deps) int64 {
	id, err := d.IDs.Next()
	if err != nil {
		panic(err)
	}
	return id
}

// onlyBetween lists the objects of one test: other tests share the bucket, and
// a sweep of theirs is not this one's to make.
type onlyBetween struct {
	*blob.Store
	first int64
}

func (o onlyBetween) List(ctx context.Context, prefix string) iter.Seq2[blob.Item, error] {
	return func(yield func(blob.Item, error) bool) {
		for item, err := range o.Store.List(ctx, prefix) {
			if id := owner(item.Key); err == nil && (id < o.first || id > o.first+1000) {
				continue
			}
			if !yield(item, err) {
				return
			}
		}
	}
}
