// Package openapi describes the REST face as an OpenAPI 3.1 document and shows
// it on a page.
//
// The document is made at start from the same routes and descriptors that
// serve the calls, and from the comments of the protos, so it says what the
// gateway does: integers are numbers, every key of an answer is there, an
// action is a value of action_type. What descriptors do not know, which
// parameters are needed and how long they may be, is in params.go.
package openapi
