// Package site is what people and crawlers open at the gateway, where apps call the
// API.
//
// It owns the built files of the web client (client.go), the pages behind links to
// videos (video.go) and to users (profile.go), and what crawlers ask for first
// (sitemap.go). It promises that whatever a user wrote is text wherever a page shows
// it, and that a page shows nothing that a reader without a session may not see: it
// asks the public API, without a viewer. Each page that asks takes a slot among the
// calls under way, as the RPC that it asks.
package site
