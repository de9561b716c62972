// Package rpc is how services speak to each other and to clients: one server
// for Connect, gRPC and gRPC-Web over HTTP/1.1 and HTTP/2, and clients that carry
// the viewer, the trace and the deadline. With Credentials both speak TLS, and
// each side shows a certificate.
//
// Server interceptors, outermost first: telemetry, deadline, faults (what is
// sent for an error, and its log line), recover, viewer (verified token, and the
// access that (douyin.options.v1.access) declares).
package rpc
