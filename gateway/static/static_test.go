package static

import (
	"bytes"
	"net/http"
	"testing"

	"douyin.dev/gateway/gatewaytest"
)

func TestStaticFilesAreConditional(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	MountPictures(mux.Handle)
	client := gatewaytest.Serve(t, mux)
	got := gatewaytest.Do(t, client, gatewaytest.Request(http.MethodGet, AvatarPath, nil))
	if !bytes.Equal(got.Text, avatar) || got.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%d bytes, %v", len(got.Text), got.Header)
	}
	r := gatewaytest.Request(http.MethodGet, AvatarPath, nil)
	r.Header.Set("If-None-Match", got.Header.Get("ETag"))
	if again := gatewaytest.Do(t, client, r); again.StatusCode != http.StatusNotModified {
		t.Errorf("HTTP %d", again.StatusCode)
	}
	head := gatewaytest.Do(t, client, gatewaytest.Request(http.MethodHead, AvatarPath, nil))
	if head.StatusCode != http.StatusOK || head.ContentLength != int64(len(avatar)) {
		t.Errorf("HEAD: HTTP %d, %d bytes", head.StatusCode, head.ContentLength)
	}
}
