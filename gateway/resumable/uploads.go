package resumable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
	"github.com/redis/rueidis"
	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/s3store"
	tuslog "golang.org/x/exp/slog"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/fault"
)

const (
	// Path is where uploads are made; an upload is a path below it.
	Path = "/uploads/"
	// Lifetime is how long an upload is kept that is not published.
	Lifetime = 24 * time.Hour
	// maxOpen bounds the uploads of a user that are not published.
	maxOpen = 5

	prefix     = "uploads/"
	infoSuffix = ".info"
	doneSuffix = ".done"

	// partSize is that of the pieces in the store, in bytes: a store takes none
	// below 5 MiB but the last.
	partSize = 8 << 20
	// bufferedParts wait on disk for an upload while one is sent to the store.
	bufferedParts = 2
	// networkTimeout bounds the wait for bytes of a client.
	networkTimeout = 5 * time.Second
	// lockTimeout bounds the wait for an upload that another request writes to.
	lockTimeout = 15 * time.Second
)

// Config is what uploads need.
type Config struct {
	Store *blob.Store
	Redis rueidis.Client
	Log   *slog.Logger
	Now   func() time.Time
	// MaxBytes bounds a file.
	MaxBytes int64
	// Viewer answers who makes a request; requests of nobody do not come here.
	Viewer func(context.Context) int64
	// Refused reports whether publishing failed for what the bytes are, so that
	// there is no point in trying again.
	Refused func(error) bool
	// BaseURL answers the scheme and host under which a request came.
	BaseURL func(context.Context) string
}

// Uploads are the uploads of all gateways. Safe for concurrent use.
type Uploads struct {
	config Config
	store  store
	client *s3.Client
	bucket string
	tus    http.Handler
}

// New returns the uploads in a store.
func New(c Config) (*Uploads, error) {
	client, bucket := c.Store.S3()
	files := s3store.New(bucket, client)
	files.ObjectPrefix, files.MetadataObjectPrefix = strings.TrimSuffix(prefix, "/"), strings.TrimSuffix(prefix, "/")
	files.MinPartSize, files.PreferredPartSize, files.MaxBufferedParts = partSize, partSize, bufferedParts
	files.SetConcurrentPartUploads(bufferedParts)
	u := &Uploads{config: c, store: store{files}, client: client, bucket: bucket}

	composer := handler.NewStoreComposer()
	composer.UseCore(u.store)
	composer.UseTerminater(u.store)
	composer.UseLocker(locker{c.Redis})
	tus, err := handler.NewHandler(handler.Config{
		StoreComposer: composer, BasePath: Path, MaxSize: c.MaxBytes,
		DisableDownload: true, DisableConcatenation: true,
		Cors:                    &handler.CorsConfig{Disable: true}, // it is the gateway's
		RespectForwardedHeaders: true,                               // which ServeHTTP sets
		NetworkTimeout:          networkTimeout, AcquireLockTimeout: lockTimeout,
		PreUploadCreateCallback: u.begin,
		Logger:                  tuslog.New(failures{log: c.Log}),
	})
	if err != nil {
		return nil, fmt.Errorf("resumable uploads: %w", err)
	}
	u.tus = http.StripPrefix(Path, tus)
	return u, nil
}

// ServeHTTP answers the tus requests of a viewer.
func (u *Uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, Path)
	if id != "" && !u.owns(u.config.Viewer(r.Context()), id) {
		http.Error(w, "no such upload", http.StatusNotFound)
		return
	}
	// The URL of a new upload is made of these.
	scheme, host, _ := strings.Cut(u.config.BaseURL(r.Context()), "://")
	r = r.Clone(r.Context())
	r.Header.Del("Forwarded")
	r.Header.Set("X-Forwarded-Proto", scheme)
	r.Header.Set("X-Forwarded-Host", host)
	u.tus.ServeHTTP(w, r)
}

func owner(viewer int64) string { return strconv.FormatInt(viewer, 10) + "-" }

// owns reports whether an id has the shape of ours and is of a viewer's upload.
func (u *Uploads) owns(viewer int64, id string) bool {
	return strings.HasPrefix(id, owner(viewer)) && !strings.Contains(id, "/") && len(id) <= 256
}

// begin decides whether a viewer may make an upload, before its first byte.
func (u *Uploads) begin(event handler.HookEvent) (handler.HTTPResponse, handler.FileInfoChanges, error) {
	viewer := u.config.Viewer(event.Context)
	if err := u.mayBegin(event.Context, viewer, event.Upload); err != nil {
		return handler.HTTPResponse{}, handler.FileInfoChanges{}, err
	}
	// Names and types that clients send say nothing about the bytes.
	return handler.HTTPResponse{}, handler.FileInfoChanges{ID: owner(viewer) + uuid.NewString(), MetaData: handler.MetaData{}}, nil
}

func (u *Uploads) mayBegin(ctx context.Context, viewer int64, info handler.FileInfo) error {
	if info.Size <= 0 {
		return refusal("ERR_EMPTY", "an upload must have at least one byte", http.StatusBadRequest)
	}
	if kind := info.MetaData["filetype"]; kind != "" && !strings.HasPrefix(kind, "video/") {
		return refusal("ERR_NOT_VIDEO", "filetype must be that of a video", http.StatusUnsupportedMediaType)
	}
	open := 0
	for item, err := range u.config.Store.List(ctx, prefix+owner(viewer)) {
		if err != nil {
			return fmt.Errorf("count uploads: %w", err)
		}
		if strings.HasSuffix(item.Key, infoSuffix) {
			open++
		}
	}
	if open >= maxOpen {
		return refusal("ERR_TOO_MANY_UPLOADS",
			fmt.Sprintf("%d uploads are not published yet: publish or delete one", maxOpen), http.StatusTooManyRequests)
	}
	return nil
}

func refusal(code, text string, status int) error { return handler.NewError(code, text, status) }

// noSuchUpload is the answer for what is not there, not the viewer's, or expired.
func noSuchUpload() error {
	return fault.Invalid("upload_id", "is not one of your uploads, or has expired")
}

// Publish hands the bytes of a viewer's complete upload to publish, which returns
// what came of them, and removes them. Called again it returns the same and hands
// nothing on. When publish refuses the bytes for what they are, they are removed,
// too; when it fails, they stay.
func (u *Uploads) Publish(ctx context.Context, viewer int64, id string, publish func(io.Reader) (videoID int64, err error)) (int64, error) {
	if !u.owns(viewer, id) {
		return 0, noSuchUpload()
	}
	if videoID, err := u.published(ctx, id); err != nil || videoID != 0 {
		return videoID, err
	}
	upload, info, err := u.find(ctx, id)
	if err != nil {
		return 0, err
	}
	if info.Offset < info.Size {
		return 0, fault.Invalid("upload_id", fmt.Sprintf("is not complete, %d of %d bytes came", info.Offset, info.Size))
	}
	bytes, err := upload.GetReader(ctx)
	if err != nil {
		return 0, fault.Unavailable(fmt.Errorf("read upload: %w", err))
	}
	defer func() { _ = bytes.Close() }() // it was read to its end, or the call fails
	videoID, err := publish(bytes)
	if err != nil {
		if u.config.Refused(err) {
			u.remove(ctx, upload)
		}
		return 0, err
	}
	if err := u.keepResult(ctx, id, videoID); err != nil {
		// The bytes stay, and a repetition finds the same video by its idempotency key.
		u.config.Log.WarnContext(ctx, "upload is published and could not be marked as such", "error", err)
		return videoID, nil
	}
	u.remove(ctx, upload)
	return videoID, nil
}

// Progress is how far an upload is.
type Progress struct {
	// VideoID is the video that was made of it; 0 before.
	VideoID int64
	// Bytes of Size have come.
	Bytes, Size int64
}

// Percent is how many of a hundred parts have come.
func (p Progress) Percent() int32 { return int32(100 * p.Bytes / max(p.Size, 1)) }

// Progress answers how far a viewer's upload is.
func (u *Uploads) Progress(ctx context.Context, viewer int64, id string) (Progress, error) {
	if !u.owns(viewer, id) {
		return Progress{}, noSuchUpload()
	}
	videoID, err := u.published(ctx, id)
	if err != nil || videoID != 0 {
		return Progress{VideoID: videoID}, err
	}
	_, info, err := u.find(ctx, id)
	if err == nil {
		return Progress{Bytes: info.Offset, Size: info.Size}, nil
	}
	// It may have been published in between.
	if videoID, again := u.published(ctx, id); again == nil && videoID != 0 {
		return Progress{VideoID: videoID}, nil
	}
	return Progress{}, err
}

// IdempotencyKey is what a publication of an upload is known by when its client
// gives no key.
func IdempotencyKey(id string) string {
	object, _, _ := strings.Cut(id, outerSeparator) // without the store's part of it
	return "upload-" + object
}

func (u *Uploads) find(ctx context.Context, id string) (handler.Upload, handler.FileInfo, error) {
	upload, err := u.store.GetUpload(ctx, id)
	if err == nil {
		var info handler.FileInfo
		if info, err = upload.GetInfo(ctx); err == nil {
			return upload, info, nil
		}
	}
	if errors.Is(err, handler.ErrNotFound) {
		return nil, handler.FileInfo{}, noSuchUpload()
	}
	return nil, handler.FileInfo{}, fault.Unavailable(fmt.Errorf("find upload: %w", err))
}

func (u *Uploads) remove(ctx context.Context, upload handler.Upload) {
	ctx = context.WithoutCancel(ctx) // the client may have gone
	if err := u.store.AsTerminatableUpload(upload).Terminate(ctx); err != nil {
		u.config.Log.WarnContext(ctx, "upload could not be removed, the sweep will", "error", err)
	}
}
