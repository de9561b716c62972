package resumable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/tus/tusd/v2/pkg/handler"

	"douyin.dev/services/platform/blob"
)

// sweepInterval is how often expired uploads are removed.
const sweepInterval = time.Hour

// Run removes expired uploads until ctx ends. Every gateway does: a removal that
// another one made first is none.
func (u *Uploads) Run(ctx context.Context) error {
	for {
		if err := u.Sweep(ctx); err != nil && ctx.Err() == nil {
			u.config.Log.WarnContext(ctx, "expired uploads were not all removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sweepInterval):
		}
	}
}

// Sweep removes what is older than Lifetime: uploads, results, and pieces of
// which nothing else is known.
func (u *Uploads) Sweep(ctx context.Context) error {
	newest := u.config.Now().Add(-Lifetime)
	var failed error
	var rest []string
	for item, err := range u.config.Store.List(ctx, prefix) {
		switch {
		case err != nil:
			return errors.Join(failed, fmt.Errorf("list uploads: %w", err))
		case item.LastModified.After(newest):
		case strings.HasSuffix(item.Key, infoSuffix):
			failed = errors.Join(failed, u.expire(ctx, item.Key))
		default:
			rest = append(rest, item.Key)
		}
	}
	if len(rest) > 0 {
		failed = errors.Join(failed, u.config.Store.Delete(ctx, rest...))
	}
	return errors.Join(failed, u.abortForgotten(ctx, newest))
}

// expire removes the upload that an object says is one.
func (u *Uploads) expire(ctx context.Context, key string) error {
	object, err := u.config.Store.Get(ctx, key, "")
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read an expired upload: %w", err)
	}
	defer func() { _ = object.Body.Close() }()
	var info handler.FileInfo
	if err := json.NewDecoder(io.LimitReader(object.Body, partSize)).Decode(&info); err != nil {
		return fmt.Errorf("read an expired upload: %w", err)
	}
	upload, err := u.store.GetUpload(ctx, outerID(info.ID))
	if err != nil {
		return fmt.Errorf("find an expired upload: %w", err)
	}
	if err := u.store.AsTerminatableUpload(upload).Terminate(ctx); err != nil && !errors.Is(err, handler.ErrNotFound) {
		return fmt.Errorf("remove an expired upload: %w", err)
	}
	return nil
}

// abortForgotten ends uploads that the store began and of which a gateway that was
// killed wrote nothing down.
func (u *Uploads) abortForgotten(ctx context.Context, newest time.Time) error {
	list := s3.NewListMultipartUploadsPaginator(u.client, &s3.ListMultipartUploadsInput{Bucket: &u.bucket, Prefix: new(prefix)})
	for list.HasMorePages() {
		page, err := list.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list pieces of uploads: %w", err)
		}
		for _, begun := range page.Uploads {
			if begun.Initiated == nil || begun.Initiated.After(newest) {
				continue
			}
			_, err := u.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.bucket, Key: begun.Key, UploadId: begun.UploadId})
			if err != nil {
				return fmt.Errorf("remove pieces of an upload: %w", err)
			}
		}
	}
	return nil
}
