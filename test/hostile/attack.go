package hostile

import (
	"context"
	"time"
)

// Attack is one way to take the platform from the others.
type Attack struct {
	// Name continues a test's name.
	Name string
	// Run attacks until ctx ends or its count is reached. An error is a promise
	// that was broken beside those that hold for every attack.
	Run func(ctx context.Context, a *Attacker) error
	// Lasts bounds the time of Run; the suite's own when 0.
	Lasts time.Duration
	// Setup is what the platform is attacked as.
	Setup Setup
}

// Setup is how a platform is set up.
type Setup string

const (
	// Direct has clients that connect to it.
	Direct Setup = ""
	// Proxied takes the addresses of clients from a proxy at ProxyAddress.
	Proxied Setup = "proxied"
)

// Attacks returns all attacks.
func Attacks() []Attack {
	return []Attack{
		// Without one, the bars hold: the rest is the attacks' doing.
		{Name: "Nobody", Run: func(context.Context, *Attacker) error { return nil }},

		// Places that are held.
		{Name: "StreamsWithoutBody", Run: streamsWithoutBody},
		{Name: "StreamsWithoutReader", Run: streamsWithoutReader},
		{Name: "SlowHeads", Run: slowHeads},
		{Name: "SlowBodies", Run: slowBodies},
		{Name: "IdleConnections", Run: idleConnections},
		{Name: "SilentUploads", Run: silentUploads},
		{Name: "HeaderlessPublishStreams", Run: headerlessPublishStreams},
		{Name: "SlowUploads", Run: slowUploads, Lasts: 20 * time.Second},
		{Name: "UnreadDownloads", Run: unreadDownloads},
		{Name: "UnreadMessageStreams", Run: unreadMessageStreams, Lasts: 30 * time.Second},

		// Memory and disk that are filled.
		{Name: "GzipBombs", Run: gzipBombs, Lasts: 20 * time.Second},
		{Name: "GiantTokens", Run: giantTokens},
		{Name: "BadTokens", Run: badTokens},
		{Name: "AnonymousSpool", Run: anonymousSpool},
		{Name: "IdempotencyKeys", Run: idempotencyKeys},
		{Name: "ManyPaths", Run: manyPaths},

		// Passwords, names and addresses.
		{Name: "RegistrationsFromOneAddress", Run: registrationsFromOneAddress},
		{Name: "RegistrationsFromManyAddresses", Run: registrationsFromManyAddresses},
		{Name: "SpellingsOfOneName", Run: spellingsOfOneName, Lasts: 20 * time.Second},
		{Name: "SpoofedAddresses", Run: spoofedAddresses},
		{Name: "LoginsBehindTheProxy", Run: loginsBehindTheProxy, Setup: Proxied},

		// Work that is out of proportion.
		{Name: "ManyTracks", Run: manyTracks},
		{Name: "ManyParameters", Run: manyParameters},
		{Name: "DeepJSON", Run: deepJSON},
		{Name: "ManyParts", Run: manyParts},
		{Name: "ManyRanges", Run: manyRanges},

		// HTTP bent out of shape.
		{Name: "RapidReset", Run: rapidReset},
		{Name: "ControlFrames", Run: controlFrames},
		{Name: "Continuations", Run: continuations},
		{Name: "WindowUpdates", Run: windowUpdates},
		{Name: "MalformedRequests", Run: malformedRequests},
		{Name: "PoisonedHosts", Run: poisonedHosts},
	}
}
