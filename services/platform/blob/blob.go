package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// idleConnections are kept to the store: one for each transfer that is usual
// at the same time, so that a seek in a video does not begin with a handshake.
const idleConnections = 64

// Errors a caller tells apart. All others are the store's or the network's.
var (
	// ErrNotFound says that there is no object of this key.
	ErrNotFound = errors.New("no such object")
	// ErrRange says that the range lies outside the object.
	ErrRange = errors.New("range outside the object")
	// ErrKey says that a key or prefix has not the shape of ours.
	ErrKey = errors.New("malformed object key")
)

// Config says where the bucket is.
type Config struct {
	// Endpoint is the store's base URL; empty means AWS.
	Endpoint string
	// Region is part of the signature; stores other than AWS accept any they
	// are configured with. Empty means us-east-1.
	Region string
	Bucket string
	// AccessKey and SecretKey; both empty means what the environment provides,
	// for example the role of a pod.
	AccessKey string
	SecretKey string
	// PathStyle puts the bucket into the path and not into the host name. Most
	// stores other than AWS need it.
	PathStyle bool
}

// Store is the bucket. Safe for concurrent use.
type Store struct {
	client  *s3.Client
	presign *s3.PresignClient
	bucket  string
	region  string
}

// Open returns the bucket without asking for it: a store that is down does not
// keep a service from starting.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Bucket == "" {
		return nil, errors.New("open object store: no bucket is configured")
	}
	if (cfg.AccessKey == "") != (cfg.SecretKey == "") {
		return nil, errors.New("open object store: access key and secret key belong together")
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	options := []func(*config.LoadOptions) error{
		config.WithRegion(cfg.Region),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConnections, idleConnections
		})),
		// Checksums where we ask for them. The SDK's default, one on every
		// request, is understood by AWS alone.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	}
	if cfg.AccessKey != "" {
		options = append(options, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(cfg.AccessKey, cfg.SecretKey, "")))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		o.UsePathStyle = cfg.PathStyle
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})
	return &Store{client: client, presign: s3.NewPresignClient(client), bucket: cfg.Bucket, region: cfg.Region}, nil
}

// S3 returns the client and the name of the bucket, for libraries that speak S3
// themselves. Keys are then the caller's to check.
func (s *Store) S3() (client *s3.Client, bucket string) { return s.client, s.bucket }

// EnsureBucket makes the bucket if there is none.
func (s *Store) EnsureBucket(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	if err == nil {
		return nil
	}
	if status(err) != http.StatusNotFound {
		return fmt.Errorf("look for bucket %s: %w", s.bucket, err)
	}
	in := &s3.CreateBucketInput{Bucket: &s.bucket}
	// The first region is the one that may not be named.
	if s.region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{
			LocationConstraint: types.BucketLocationConstraint(s.region),
		}
	}
	_, err = s.client.CreateBucket(ctx, in)
	var ours *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &ours) {
		return fmt.Errorf("create bucket %s: %w", s.bucket, err)
	}
	return nil
}

// status returns the HTTP status the store answered, or 0.
func status(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}
