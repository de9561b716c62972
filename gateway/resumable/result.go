package resumable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/fault"
)

// objectOf is the part of an id that names objects; the rest is the store's.
func objectOf(id string) string {
	object, _, _ := strings.Cut(id, outerSeparator)
	return prefix + object
}

// published returns the video that was made of an upload, or 0.
func (u *Uploads) published(ctx context.Context, id string) (int64, error) {
	object, err := u.config.Store.Get(ctx, objectOf(id)+doneSuffix, "")
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return 0, nil
	case errors.Is(err, blob.ErrKey):
		return 0, noSuchUpload()
	case err != nil:
		return 0, fault.Unavailable(fmt.Errorf("look for a published upload: %w", err))
	}
	defer func() { _ = object.Body.Close() }()
	text, err := io.ReadAll(object.Body)
	if err != nil {
		return 0, fault.Unavailable(fmt.Errorf("read a published upload: %w", err))
	}
	return strconv.ParseInt(string(text), 10, 64)
}

func (u *Uploads) keepResult(ctx context.Context, id string, videoID int64) error {
	text := strconv.FormatInt(videoID, 10)
	return u.config.Store.Put(context.WithoutCancel(ctx), objectOf(id)+doneSuffix, strings.NewReader(text), int64(len(text)), "text/plain")
}
