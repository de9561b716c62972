package rest

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

// resolve gives every endpoint its call: the handler that grpc-gateway made of
// the RPC. It is asked of the mux once, so that no request is routed twice. A
// call expects what the dialect hands on, never a client's request: parameters
// in r.Form.
func (f *face) resolve(s Servers) error {
	mux, err := f.newRESTMux(s)
	if err != nil {
		return err
	}
	for _, e := range f.endpoints {
		if isStream(e.target.Path) {
			continue
		}
		asked := &inquiry{}
		ctx := context.WithValue(context.Background(), inquiryKey{}, asked)
		mux.ServeHTTP(nil, bare(ctx, &Call{endpoint: e, params: noValues}))
		if asked.call == nil {
			return fmt.Errorf("no RPC answers %s %s", e.method, e.target.Path)
		}
		e.call = asked.call
	}
	return nil
}

// inquiry asks the mux what would answer a request.
type inquiry struct{ call runtime.HandlerFunc }

type inquiryKey struct{}

// answersInquiries is the middleware that answers an inquiry instead of calling.
func answersInquiries(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		if asked, ok := r.Context().Value(inquiryKey{}).(*inquiry); ok {
			asked.call = next
			return
		}
		next(w, r, params)
	}
}

// newRESTMux returns the mux that calls the services in process.
func (f *face) newRESTMux(s Servers) (*runtime.ServeMux, error) {
	mux := runtime.NewServeMux(
		runtime.WithMiddlewares(answersInquiries),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler{f}),
		runtime.WithErrorHandler(callFailed),
		runtime.WithForwardResponseOption(callDone),
		runtime.WithForwardResponseRewriter(toMarshal),
		runtime.WithRoutingErrorHandler(notRouted),
		runtime.WithIncomingHeaderMatcher(noMetadata),
		runtime.WithOutgoingHeaderMatcher(noMetadata),
		runtime.WithOutgoingTrailerMatcher(noMetadata),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(),
	)
	ctx := context.Background() // registration in process neither waits nor calls
	err := errors.Join(
		apiv1.RegisterMessageServiceHandlerServer(ctx, mux, s.Message),
		apiv1.RegisterVideoServiceHandlerServer(ctx, mux, s.Video),
		apiv1.RegisterRelationServiceHandlerServer(ctx, mux, s.Relation),
		apiv1.RegisterUserServiceHandlerServer(ctx, mux, s.User),
		apiv1.RegisterInteractionServiceHandlerServer(ctx, mux, s.Interaction),
		apiv1.RegisterFeedServiceHandlerServer(ctx, mux, s.Feed),
		apiv1.RegisterSearchServiceHandlerServer(ctx, mux, s.Search),
	)
	if err != nil {
		return nil, fmt.Errorf("register services: %w", err)
	}
	return mux, nil
}

// noMetadata forwards no header in either direction: what a call may know of
// its client is in the context, verified.
func noMetadata(string) (string, bool) { return "", false }

func callFailed(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	AnswerError(ctx, w, err)
}

// callDone notes a good answer before it is written.
func callDone(_ context.Context, w http.ResponseWriter, _ proto.Message) error {
	recordStatusCode(w, statusOK)
	return nil
}

// toMarshal returns what the marshaler gets: the message, or the shared answer that
// it is the message of.
func toMarshal(ctx context.Context, m proto.Message) (any, error) {
	if shared := CallFrom(ctx).shared; shared != nil {
		shared.message = m
		return shared, nil
	}
	return m, nil
}

// notRouted leaves an inquiry without an answer: there is no such route.
func notRouted(context.Context, *runtime.ServeMux, runtime.Marshaler, http.ResponseWriter, *http.Request, int) {
}

// marshaler writes answers with their envelope. Of a request's body there is at
// most a list left when the mux sees it, which the dialect has checked.
type marshaler struct{ face *face }

func (m marshaler) ContentType(any) string { return jsonType }

func (m marshaler) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case proto.Message:
		return m.face.encoder.Marshal(successHead, v)
	case *sharedAnswer:
		return v.marshal(m.face.encoder)
	default:
		return nil, fmt.Errorf("answer is a %T, not a message", v)
	}
}

func (m marshaler) Unmarshal([]byte, any) error { return errNoBody }

func (m marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return (&runtime.JSONPb{UnmarshalOptions: readEntry}).NewDecoder(r)
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
