// Package gateway is the edge of the platform: one port on which browsers,
// phones and other servers reach the public API.
//
// It owns the composition of the public API out of the mesh (api_*.go,
// hydrate.go), sessions (session.go), limits (limits.go, admission.go), uploads
// (publish.go, uploads.go) and media (media.go). It keeps no state of its own and
// asks every domain service. The /douyin REST API is package rest, which knows no
// service; over Connect, gRPC and gRPC-Web the same handlers answer. The web client
// and the pages behind links are package site, which asks the public API.
//
// mount.go puts both together. Each handler has a deadline for every read and
// write (package pace), is inside CORS, and counts its client's calls; each call
// takes a slot, has its viewer found and spends the viewer's budget, on the REST
// API as rest.Options.Session and elsewhere as interceptors.
//
// # Answers that are made once
//
// The public feed is made once for all who ask for it at the same moment
// (reads.go, and rest/shared_answer.go down to its bytes and their gzip). Nothing
// is kept beyond the moment, so no answer is older than its request.
package gateway
