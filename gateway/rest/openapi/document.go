package openapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"douyin.dev/gateway/rest/route"
)

// object is a JSON object. encoding/json writes its keys in order, so the same
// surface gives the same document.
type object = map[string]any

type list = []any

const overview = `Short videos, likes, comments, follows and messages.

* Every path works with and without its trailing slash.
* A parameter may come in the query, a urlencoded form, a multipart form or a JSON body; the first non-empty value wins, in this order. Unknown parameters are ignored, and an empty one is an absent one.
* Paths documented as GET answer POST as well.
* Every answer of a /douyin path is HTTP 200 with status_code and status_msg, and every other key is there also when the call failed, with its zero value. status_code 0 is success.
* 64-bit integers are JSON numbers. Ids are in (0, 2^53). Integer parameters may be written like 7, 7.0 or 7e0.
* At most 64 parameters and 1 MiB of them per request.

status_code: 0 success, 10001 username taken, 10002 wrong username or password, 10004 login needed, 10005 forbidden, 10006 content refused, 10009 too many requests (Retry-After says when to try again), 10013 no such user, 10014 file too large, 10015 not a playable video, 10016 no such video, 10017 no such comment, 10018 cannot follow or message yourself, 40001 no such path, 40002 bad parameter (status_msg names it), 50001 internal, 50002 a dependency is down and nothing happened, try again, 50003 the outcome of a change is not known, repeat with the same Idempotency-Key.`

// builder is the document while it grows.
type builder struct {
	comments comments
	renamed  map[protoreflect.FullName]string
	limits   Limits
	schemas  object
	paths    object
	tags     list
	tagged   map[string]bool
}

// Document returns the OpenAPI document of the routes as JSON. renamed are the
// keys of answers that are not called like their field, limits what operators set.
func Document(routes []route.Route, renamed map[protoreflect.FullName]string, limits Limits) ([]byte, error) {
	c, err := readComments()
	if err != nil {
		return nil, err
	}
	b := &builder{comments: c, renamed: renamed, limits: limits, schemas: object{}, paths: object{}, tagged: map[string]bool{}}
	for _, group := range grouped(routes) {
		if err := b.add(group); err != nil {
			return nil, err
		}
	}
	b.addPing()
	out, err := json.Marshal(b.document())
	if err != nil {
		return nil, fmt.Errorf("write document: %w", err)
	}
	return out, nil
}

func (b *builder) document() object {
	return object{
		"openapi": "3.1.0",
		"info":    object{"title": "Douyin REST API", "version": "1", "description": overview},
		"servers": list{object{"url": "/"}},
		"tags":    b.tags,
		"paths":   b.paths,
		"components": object{
			"schemas":         b.schemas,
			"securitySchemes": securitySchemes(),
			"responses":       sharedResponses(),
		},
	}
}

// securitySchemes are the places a token may come from, apart from forms.
func securitySchemes() object {
	return object{
		"bearer":      object{"type": "http", "scheme": "bearer"},
		"query":       object{"type": "apiKey", "in": "query", "name": "token"},
		"accessToken": object{"type": "apiKey", "in": "header", "name": "Access-Token"},
		"tokenHeader": object{"type": "apiKey", "in": "header", "name": "token"},
	}
}

func sharedResponses() object {
	envelope := func(description string) object {
		return object{"description": description, "content": object{"application/json": object{"schema": answerSchema(nil)}}}
	}
	return object{
		"WrongMethod": envelope("The path does not have this method."),
		"Overloaded":  envelope("Nothing was done; try again after Retry-After seconds."),
	}
}

// operation is one path as clients call it, with the routes behind it: several
// where action_type chooses.
type operation struct {
	path    string
	routes  []route.Route
	actions []string
}

// grouped merges the routes of an action back into the path clients know.
func grouped(routes []route.Route) []*operation {
	var all []*operation
	byPath := map[string]*operation{}
	for _, r := range routes {
		path, action := r.Client()
		op := byPath[path]
		if op == nil {
			op = &operation{path: path}
			byPath[path] = op
			all = append(all, op)
		}
		op.routes = append(op.routes, r)
		if action != "" {
			op.actions = append(op.actions, action)
		}
	}
	return all
}

func (b *builder) add(op *operation) error {
	first := op.routes[0]
	budgets, err := b.budgets(op)
	if err != nil {
		return err
	}
	out := object{
		"tags":        list{b.tag(first)},
		"operationId": operationID(op),
		"summary":     b.summary(op),
		"description": fmt.Sprintf("Also as %s/.", op.path) + budgets,
		"responses":   b.responses(op),
		"security":    security(first.RPC),
	}
	if first.Method == http.MethodGet {
		if p := b.queryParams(op); len(p) > 0 {
			out["parameters"] = p
		}
	} else {
		out["requestBody"] = b.requestBody(op)
	}
	b.paths[op.path] = object{strings.ToLower(first.Method): out}
	return nil
}

// operationID is unique: an RPC may have several paths.
func operationID(op *operation) string {
	return strings.ReplaceAll(strings.Trim(strings.TrimPrefix(op.path, "/douyin"), "/"), "/", "_")
}

// tag groups the operations by the first part of their path.
func (b *builder) tag(r route.Route) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/douyin/"), "/")
	if !b.tagged[name] {
		b.tagged[name] = true
		b.tags = append(b.tags, object{"name": name, "description": b.comments.of(r.RPC.Parent())})
	}
	return name
}

// summary is the RPC's comment without its name; of actions, each with its number.
func (b *builder) summary(op *operation) string {
	if len(op.actions) == 0 {
		return b.sentence(op.routes[0].RPC)
	}
	var parts []string
	for i, r := range op.routes {
		parts = append(parts, fmt.Sprintf("action_type %s: %s", op.actions[i], b.sentence(r.RPC)))
	}
	return strings.Join(parts, " ")
}

// sentence drops the name a Go-like comment starts with: "LikeVideo likes a
// video" becomes "Likes a video".
func (b *builder) sentence(d protoreflect.Descriptor) string {
	text := strings.TrimPrefix(b.comments.of(d), string(d.Name())+" ")
	if text == "" {
		return string(d.Name())
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func (b *builder) addPing() {
	b.tags = append(b.tags, object{"name": "ping", "description": "Whether the gateway answers."})
	b.paths["/ping"] = object{"get": object{
		"tags": list{"ping"}, "operationId": "ping", "summary": "Answers.", "security": list{},
		"responses": object{"200": object{"description": "pong", "content": object{"application/json": object{
			"schema": answerSchema(object{"message": object{"type": "string"}}),
		}}}},
	}}
}
