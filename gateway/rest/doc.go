// Package rest is the /douyin REST API that existing clients speak, in front of
// the public API: its paths (douyin.yaml, the whole surface on one page), and
// what clients may write differently (dialect.go), each habit a function. It
// knows no domain service; it calls the public API's servers in process.
//
// A request passes, in this order:
//
//	edge.go           telemetry, the client's budget, panics, headers, gzip
//	dialect.go        the parameters, the token, the RPC
//	Options.Session   sessions, access and limits, from outside
//	shared_answer.go  one answer for all who ask for the same public feed
//	mux.go            the RPC, through grpc-gateway
//	answer.go         the envelope, or the failure with the same keys
//
// What is known of a call travels in one piece in the context (Call), which is
// passed beside the request: no step copies the request. Options.Session runs
// once the parameters are read, and refuses with AnswerError, which knows the
// keys of the path's answer: status_code, status_msg and the zero-valued rest.
//
// The paths that are not one request and one answer are handlers in Servers.
// Publish sees its body unread and reads it with a Form: its token may come as a
// part of the form, so CallFrom(ctx).Token holds only what headers or the query
// said. The event streams find their canonical parameters in r.Form. None sees the token
// in the URL.
//
// # What must hold
//
// A path must reach New's handler as the client sent it: mount it at "/douyin/",
// "/ping", "/openapi.json" and "/docs", never behind a redirect. Servers answer
// faults; any other error is an internal one, logged and hidden from the client.
package rest
