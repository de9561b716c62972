package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"douyin.dev/gateway/rest"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	_ "douyin.dev/gen/douyin/message/v1" // linked into the standalone, and not public
	"douyin.dev/gen/douyin/video/v1/videov1connect"
	"douyin.dev/services/platform/memhttp"
)

func TestReflectionKnowsThePublicAPIAlone(t *testing.T) {
	t.Parallel()
	names := []string{string(apiv1.File_douyin_api_v1_feed_proto.Services().Get(0).FullName()), "douyin.api.v1.UploadService"}
	reflector, err := newReflector(names)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(grpcreflect.NewHandlerV1(reflector, connect.WithInterceptors(streamInterceptor(withoutQuestion))))
	listener := memhttp.NewListener()
	server := &http.Server{Handler: mux, ReadHeaderTimeout: testTimeout, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	transport := listener.Transport()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	stream := grpcreflect.NewClient(&http.Client{Transport: transport}, "http://gateway", connect.WithGRPC()).NewStream(ctx)
	defer func() { _, _ = stream.Close() }()
	services, err := stream.ListServices()
	if err != nil || len(services) != len(names) {
		t.Errorf("services %v: %v", services, err)
	}
	for _, name := range []string{names[0], names[1], "douyin.api.v1.Video", "douyin.options.v1.access", "google.protobuf.MethodOptions"} {
		if files, err := stream.FileContainingSymbol(protoreflect.FullName(name)); err != nil {
			t.Errorf("%s: %v, %v", name, files, err)
		}
	}
	for _, name := range []string{videov1connect.VideoServiceName, "douyin.message.v1.MessageService", "douyin.video.v1.Video", "no.such.Name"} {
		_, err := stream.FileContainingSymbol(protoreflect.FullName(name))
		if err == nil || strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want an error without the name", name, err)
		}
	}
	files, err := stream.FileByFilename("douyin/api/v1/feed.proto")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.ContainsFunc([]string{"douyin/api/v1/", "douyin/options/v1/", "google/"}, func(p string) bool { return strings.HasPrefix(f.GetName(), p) }) {
			t.Errorf("%s is not public", f.GetName())
		}
	}
	if _, err := stream.FileByFilename("douyin/video/v1/video.proto"); err == nil {
		t.Error("a file of the mesh is public")
	}
}

func TestEveryServiceOfThePublicAPIIsServed(t *testing.T) {
	t.Parallel()
	served := map[string]bool{}
	if err := stillGateway().handle(rest.Signals{}, func(pattern string, _ http.Handler) { served[strings.Trim(pattern, "/")] = true }); err != nil {
		t.Fatal(err)
	}
	count := 0
	protoregistry.GlobalFiles.RangeFilesByPackage(apiv1.File_douyin_api_v1_feed_proto.Package(), func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			count++
			if name := string(file.Services().Get(i).FullName()); !served[name] {
				t.Errorf("%s is not served", name)
			}
		}
		return true
	})
	if count < 8 {
		t.Errorf("found %d services, the test looks in the wrong place", count)
	}
}
