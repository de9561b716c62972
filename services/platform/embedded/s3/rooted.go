package s3

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// rooted is the library's file backend with absolute paths. The library takes
// a bucket's name for a path relative to the working directory, which belongs
// to the whole process. Here the name becomes a path on the way in, and a name
// again on the way out.
//
// What the platform does not use stays unsupported, and is answered so.
// Bucket names are checked before they arrive here.
type rooted struct {
	backend.Backend // answers "not implemented"
	files           *posix.Posix
	root            string
}

func (r *rooted) path(bucket string) string     { return filepath.Join(r.root, bucket) }
func (r *rooted) pathOf(bucket *string) *string { return new(r.path(*bucket)) }

// named puts the bucket's name into an error that carries its path.
func named(err error, bucket string) error {
	var be s3err.BucketError
	if errors.As(err, &be) {
		be.BucketName = bucket
		return be
	}
	return err
}

func (r *rooted) Shutdown()      { r.files.Shutdown() }
func (r *rooted) String() string { return "files" }

func (r *rooted) NormalizeObjectKey(bucket, object string) string {
	return r.files.NormalizeObjectKey(bucket, object)
}

// Buckets.

func (r *rooted) HeadBucket(ctx context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.HeadBucket(ctx, &at)
	return out, named(err, *in.Bucket)
}

func (r *rooted) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	return named(r.files.CreateBucket(ctx, &at, acl), *in.Bucket)
}

func (r *rooted) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.GetBucketAcl(ctx, &at)
	return out, named(err, *in.Bucket)
}

// The gateway asks these while it decides about a request.

func (r *rooted) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	out, err := r.files.GetBucketPolicy(ctx, r.path(bucket))
	return out, named(err, bucket)
}

func (r *rooted) GetBucketOwnershipControls(ctx context.Context, bucket string) (types.ObjectOwnership, error) {
	out, err := r.files.GetBucketOwnershipControls(ctx, r.path(bucket))
	return out, named(err, bucket)
}

func (r *rooted) GetBucketCors(ctx context.Context, bucket string) ([]byte, error) {
	out, err := r.files.GetBucketCors(ctx, r.path(bucket))
	return out, named(err, bucket)
}

func (r *rooted) GetBucketVersioning(ctx context.Context, bucket string) (s3response.GetBucketVersioningOutput, error) {
	out, err := r.files.GetBucketVersioning(ctx, r.path(bucket))
	return out, named(err, bucket)
}

func (r *rooted) GetObjectLockConfiguration(ctx context.Context, bucket string) ([]byte, error) {
	out, err := r.files.GetObjectLockConfiguration(ctx, r.path(bucket))
	return out, named(err, bucket)
}

func (r *rooted) GetObjectRetention(ctx context.Context, bucket, object, version string) ([]byte, error) {
	out, err := r.files.GetObjectRetention(ctx, r.path(bucket), object, version)
	return out, named(err, bucket)
}

func (r *rooted) GetObjectLegalHold(ctx context.Context, bucket, object, version string) (*bool, error) {
	out, err := r.files.GetObjectLegalHold(ctx, r.path(bucket), object, version)
	return out, named(err, bucket)
}

// Objects.

func (r *rooted) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	bucket := *in.Bucket
	in.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.PutObject(ctx, in)
	return out, named(err, bucket)
}

func (r *rooted) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.HeadObject(ctx, &at)
	return out, named(err, *in.Bucket)
}

func (r *rooted) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.GetObject(ctx, &at)
	return out, named(err, *in.Bucket)
}

func (r *rooted) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.DeleteObject(ctx, &at)
	return out, named(err, *in.Bucket)
}

func (r *rooted) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.DeleteObjects(ctx, &at)
	return out, named(err, *in.Bucket)
}

func (r *rooted) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.ListObjectsV2(ctx, &at)
	out.Name = in.Bucket
	return out, named(err, *in.Bucket)
}

// Uploads in parts.

func (r *rooted) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	bucket := *in.Bucket
	in.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.CreateMultipartUpload(ctx, in)
	out.Bucket = bucket
	return out, named(err, bucket)
}

func (r *rooted) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.UploadPart(ctx, &at)
	return out, named(err, *in.Bucket)
}

func (r *rooted) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, version, err := r.files.CompleteMultipartUpload(ctx, &at)
	out.Bucket = in.Bucket
	return out, version, named(err, *in.Bucket)
}

func (r *rooted) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	return named(r.files.AbortMultipartUpload(ctx, &at), *in.Bucket)
}

func (r *rooted) ListParts(ctx context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.ListParts(ctx, &at)
	out.Bucket = *in.Bucket
	return out, named(err, *in.Bucket)
}

func (r *rooted) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (s3response.ListMultipartUploadsResult, error) {
	at := *in
	at.Bucket = r.pathOf(in.Bucket)
	out, err := r.files.ListMultipartUploads(ctx, &at)
	out.Bucket = *in.Bucket
	return out, named(err, *in.Bucket)
}
