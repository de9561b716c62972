package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	apiv1 "douyin.dev/gen/douyin/api/v1"
)

// newRESTMux returns the mux that calls the services in process. It expects
// what the dialect hands on, never a client's request: canonical paths, and
// parameters in r.Form.
func (f *face) newRESTMux(s Servers) (*runtime.ServeMux, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler{f}),
		runtime.WithErrorHandler(callFailed),
		runtime.WithRoutingErrorHandler(notRouted),
		runtime.WithIncomingHeaderMatcher(noHeader),
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithOutgoingTrailerMatcher(noHeader),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(),
	)
	// The mux tries its routes one after the other, the last registered first:
	// what is called most comes last.
	ctx := context.Background() // registration in process neither waits nor calls
	err := errors.Join(
		apiv1.RegisterMessageServiceHandlerServer(ctx, mux, s.Message),
		apiv1.RegisterVideoServiceHandlerServer(ctx, mux, s.Video),
		apiv1.RegisterRelationServiceHandlerServer(ctx, mux, s.Relation),
		apiv1.RegisterUserServiceHandlerServer(ctx, mux, s.User),
		apiv1.RegisterInteractionServiceHandlerServer(ctx, mux, s.Interaction),
		apiv1.RegisterFeedServiceHandlerServer(ctx, mux, s.Feed),
	)
	if err != nil {
		return nil, fmt.Errorf("register services: %w", err)
	}
	return mux, nil
}

// noHeader forwards no header in either direction: what a call may know of its
// client is in the context, verified.
func noHeader(string) (string, bool) { return "", false }

func callFailed(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	answerError(w, r, err)
}

// notRouted is only reached when the dialect lets a path through that the mux
// does not have, which the test of the surface rules out.
func notRouted(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, _ int) {
	answerNoPath(w)
}

// marshaler writes answers with their envelope. Requests have no body left to
// read when the mux sees them.
type marshaler struct{ face *face }

func (m marshaler) ContentType(any) string { return jsonType }

func (m marshaler) Marshal(v any) ([]byte, error) {
	message, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("answer is a %T, not a message", v)
	}
	return m.face.encoder.Marshal(successHead, message)
}

func (m marshaler) Unmarshal([]byte, any) error { return errNoBody }

func (m marshaler) NewDecoder(io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(any) error { return errNoBody })
}

func (m marshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		b, err := m.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
}

var errNoBody = errors.New("parameters come in the form, not in a body")
