package rest

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"douyin.dev/gateway/policy"
	"douyin.dev/gateway/rest/numjson"
	"douyin.dev/gateway/rest/route"
	apiv1 "douyin.dev/gen/douyin/api/v1"
)

//go:embed douyin.yaml
var serviceConfig []byte

// The paths that live in Go, because their body or their answer is a stream.
const (
	publishPath      = "/douyin/publish/action"
	streamPath       = "/douyin/message/stream"
	statusStreamPath = "/douyin/publish/status/stream"
)

// isStream reports whether a path is one that lives in Go.
func isStream(path string) bool {
	return path == publishPath || path == streamPath || path == statusStreamPath
}

// renamedKeys are the keys of answers that are not called like their field:
// clients know msgType in this one place.
func renamedKeys() map[protoreflect.FullName]string {
	return map[protoreflect.FullName]string{"douyin.api.v1.Friend.msg_type": "msgType"}
}

// encoding is how answers are written, and which of their fields a shared answer sets
// for each viewer.
func encoding() numjson.Config {
	return numjson.Config{Renamed: renamedKeys(), Located: []protoreflect.FullName{followsField, likesField}}
}

// surface is every path of the REST face, compiled at start: no request
// touches a descriptor again.
type surface struct {
	paths     map[string]*path
	endpoints []*endpoint
	encoder   *numjson.Encoder
}

// path is what clients call: without its trailing slash, and without the
// action that action_type puts behind it.
type path struct {
	method string
	// endpoint answers the path; nil where action_type decides.
	endpoint *endpoint
	// actions are the endpoints by action_type.
	actions map[string]*endpoint
	// names are the parameters any of the endpoints knows.
	names map[string]bool
	// lists are the names of lists; nil for none.
	lists map[string]bool
	// rawBody leaves the body to the handler.
	rawBody bool
}

// endpoint is one RPC behind a path.
type endpoint struct {
	procedure string
	// method and target are where grpc-gateway has the RPC; call is what it
	// made of it, nil for the paths that live in Go.
	method string
	target *url.URL
	call   runtime.HandlerFunc
	params []param
	// list is the parameter that is a list, which grpc-gateway reads as a body; "" for none.
	list string
	// requiredIDs are the parameters without which the call is refused.
	requiredIDs []string
	// zeros is the rest of a failed answer, after status_msg: the keys this
	// endpoint would have answered with, and the closing brace.
	zeros []byte
}

// emptyAnswer is an endpoint whose zeros fit every answer of the path: those
// behind one path answer alike.
func (p *path) emptyAnswer() *endpoint {
	if p.endpoint != nil {
		return p.endpoint
	}
	return p.actions["1"]
}

// allowed are the methods of the path; one that reads answers HEAD and POST as well.
func (p *path) allowed() string {
	if p.method == http.MethodGet {
		return "GET, HEAD, POST, OPTIONS"
	}
	return "POST, OPTIONS"
}

// routes are those of the service config and those that live in Go.
func routes() ([]route.Route, error) {
	all, err := route.Parse(serviceConfig)
	if err != nil {
		return nil, err
	}
	upload := apiv1.File_douyin_api_v1_video_proto.Services().ByName("UploadService").Methods().ByName("PublishVideo")
	subscribe := apiv1.File_douyin_api_v1_message_proto.Services().ByName("MessageStreamService").Methods().ByName("Subscribe")
	watch := apiv1.File_douyin_api_v1_video_proto.Services().ByName("VideoStatusService").Methods().ByName("WatchVideoStatus")
	return append(all,
		route.Route{Method: http.MethodPost, Path: publishPath, RPC: upload},
		route.Route{Method: http.MethodGet, Path: streamPath, RPC: subscribe},
		route.Route{Method: http.MethodGet, Path: statusStreamPath, RPC: watch},
	), nil
}

// compileSurface does all the work on descriptors there is.
func compileSurface(all []route.Route) (*surface, error) {
	var outputs []protoreflect.MessageDescriptor
	for _, r := range all {
		outputs = append(outputs, r.RPC.Output())
	}
	encoder, err := numjson.Compile(encoding(), outputs...)
	if err != nil {
		return nil, fmt.Errorf("compile answers: %w", err)
	}
	s := &surface{paths: map[string]*path{}, encoder: encoder}
	for _, r := range all {
		if err := s.add(r); err != nil {
			return nil, fmt.Errorf("compile %s: %w", r.Path, err)
		}
	}
	return s, nil
}

func (s *surface) add(r route.Route) error {
	e, err := s.compileEndpoint(r)
	if err != nil {
		return err
	}
	s.endpoints = append(s.endpoints, e)
	clientPath, action := r.Client()
	p := s.paths[clientPath]
	if p == nil {
		p = &path{method: r.Method, actions: map[string]*endpoint{}, names: map[string]bool{}, rawBody: clientPath == publishPath}
		s.paths[clientPath] = p
	}
	for _, known := range e.params {
		p.names[known.name] = true
		if known.kind == paramList {
			p.lists = map[string]bool{known.name: true}
		}
	}
	if action == "" {
		p.endpoint = e
		return nil
	}
	p.actions[action] = e
	p.names[actionParam] = true
	return nil
}

func (s *surface) compileEndpoint(r route.Route) (*endpoint, error) {
	e := &endpoint{procedure: r.Procedure(), method: r.Method, target: &url.URL{Path: r.Path}}
	fields := r.Params().Fields()
	for i := range fields.Len() {
		p, ok := paramOf(fields.Get(i))
		if !ok {
			continue
		}
		e.params = append(e.params, p)
		if p.kind != paramList {
			continue
		}
		if r.Body != p.name {
			return nil, fmt.Errorf("the list %s is not the body", p.name)
		}
		e.list = p.name
	}
	declared, err := policy.Of(r.RPC)
	if err != nil {
		return nil, err
	}
	for _, fd := range declared.RequiredIDs {
		e.requiredIDs = append(e.requiredIDs, string(fd.Name()))
	}
	empty, err := s.encoder.Marshal("", dynamicpb.NewMessage(r.RPC.Output()))
	if err != nil {
		return nil, err
	}
	e.zeros = []byte(strings.TrimPrefix(string(empty), "{"))
	if len(e.zeros) > 1 {
		e.zeros = append([]byte{','}, e.zeros...)
	}
	return e, nil
}
