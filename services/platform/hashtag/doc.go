// Package hashtag finds the tags and mentions in a text, "#cats" and "@alice": once, by
// the server, so that all clients link the same, and search knows the same tags.
package hashtag
