package resumable

import (
	"context"
	"strings"

	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/s3store"
)

// store is tusd's S3 store with ids that need no escaping. Its own are two parts
// joined by a plus, which in a form is a space.
type store struct{ s3store.S3Store }

const (
	innerSeparator = "+"
	outerSeparator = "." // is in no object's name
)

func outerID(id string) string { return strings.Replace(id, innerSeparator, outerSeparator, 1) }

func innerID(id string) string { return strings.Replace(id, outerSeparator, innerSeparator, 1) }

// stored is an upload with such an id.
type stored struct{ handler.Upload }

// NewUpload implements handler.DataStore.
func (s store) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	upload, err := s.S3Store.NewUpload(ctx, info)
	if err != nil {
		return nil, err
	}
	return stored{upload}, nil
}

// GetUpload implements handler.DataStore.
func (s store) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	upload, err := s.S3Store.GetUpload(ctx, innerID(id))
	if err != nil {
		return nil, err
	}
	return stored{upload}, nil
}

// AsTerminatableUpload implements handler.TerminaterDataStore.
func (s store) AsTerminatableUpload(upload handler.Upload) handler.TerminatableUpload {
	if u, ok := upload.(stored); ok {
		upload = u.Upload
	}
	return s.S3Store.AsTerminatableUpload(upload)
}

// GetInfo implements handler.Upload.
func (u stored) GetInfo(ctx context.Context) (handler.FileInfo, error) {
	info, err := u.Upload.GetInfo(ctx)
	info.ID = outerID(info.ID)
	return info, err
}
