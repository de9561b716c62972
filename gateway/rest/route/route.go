// Package route reads the service config of the gateway, the page that says
// which REST path calls which RPC. What serves the paths and what documents
// them both start from it, so they cannot disagree.
package route

import (
	"fmt"
	"net/http"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"douyin.dev/gateway/policy"
)

// Route is one path of the REST face.
type Route struct {
	// Method is GET or POST.
	Method string
	// Path as the mux knows it, for example /douyin/favorite/action/1.
	Path string
	// Body is the field that grpc-gateway reads from the body; "" for none.
	Body string
	// RPC that is called.
	RPC protoreflect.MethodDescriptor
}

// Procedure names the RPC the way Connect does: /douyin.api.v1.FeedService/GetFeed.
func (r Route) Procedure() string {
	return policy.Procedure(r.RPC)
}

// Params returns the message whose fields are the parameters: what the RPC
// takes, or of an upload the header that its stream begins with.
func (r Route) Params() protoreflect.MessageDescriptor {
	return policy.Request(r.RPC)
}

// Client returns the path as clients write it and the action_type that chooses
// this route on it: /douyin/favorite/action and 1. Other routes have no action.
func (r Route) Client() (path, action string) {
	before, after, found := strings.Cut(r.Path, "/action/")
	if !found {
		return r.Path, ""
	}
	return before + "/action", after
}

// config is the part of google.api.Service that is used.
type config struct {
	HTTP struct {
		Rules []rule `yaml:"rules"`
	} `yaml:"http"`
}

type rule struct {
	Selector string `yaml:"selector"`
	binding  `yaml:",inline"`
	More     []binding `yaml:"additional_bindings"`
}

type binding struct {
	Get  string `yaml:"get"`
	Post string `yaml:"post"`
	Body string `yaml:"body"`
}

// Parse reads a service config. Every selector must be an RPC that is linked in.
func Parse(serviceConfig []byte) ([]Route, error) {
	var c config
	if err := yaml.Unmarshal(serviceConfig, &c); err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	var routes []Route
	for _, rule := range c.HTTP.Rules {
		rpc, err := method(rule.Selector)
		if err != nil {
			return nil, err
		}
		for _, b := range append([]binding{rule.binding}, rule.More...) {
			r, err := b.route(rpc)
			if err != nil {
				return nil, err
			}
			routes = append(routes, r)
		}
	}
	return routes, nil
}

func method(selector string) (protoreflect.MethodDescriptor, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(selector))
	if err != nil {
		return nil, fmt.Errorf("route of %s: %w", selector, err)
	}
	rpc, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("route of %s: not an RPC", selector)
	}
	return rpc, nil
}

func (b binding) route(rpc protoreflect.MethodDescriptor) (Route, error) {
	switch {
	case b.Get != "" && b.Post == "":
		return Route{Method: http.MethodGet, Path: b.Get, RPC: rpc}, nil
	case b.Post != "" && b.Get == "":
		return Route{Method: http.MethodPost, Path: b.Post, Body: b.Body, RPC: rpc}, nil
	default:
		return Route{}, fmt.Errorf("route of %s: want either get or post", rpc.FullName())
	}
}
