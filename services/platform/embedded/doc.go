// Package embedded holds what the embedded twins share: a directory only one
// process uses, a child process that does not outlive its parent, and a port
// that stays the same from one start to the next.
//
// A twin stands in for infrastructure that is not configured: the real server,
// or one that speaks its real protocol, with its data under one directory. It
// is for one machine. Each twin is a package below this one:
//
//	srv, err := postgres.Start(ctx, postgres.Options{Dir: "data/postgres"})
//	defer srv.Stop(ctx)
//
// All of them survive a kill -9 of the process that started them: what was
// acknowledged is there at the next start in the same directory.
package embedded
