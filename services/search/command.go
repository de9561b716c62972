package search

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/pause"
	"douyin.dev/services/platform/pg"
)

// progressEvery is the pause between two looks how far a rebuild is.
const progressEvery = time.Second

// Commands implements app.Commander.
func (*Component) Commands() []app.Command {
	return []app.Command{{
		Name: "rebuild", Help: "Let the running search service make its index again from what the owners have, and end when that is done.",
		Do: askForRebuild,
	}}
}

// askForRebuild asks for a rebuild, and returns when it is complete. The rebuild goes on
// when the command is stopped.
func askForRebuild(ctx context.Context, db *pg.DB, log *slog.Logger) error {
	s := &store{db: db}
	if err := s.begin(ctx); err != nil {
		return err
	}
	log.InfoContext(ctx, "rebuild of the search index is asked for")
	for {
		kinds, err := s.progress(ctx)
		if err != nil {
			return err
		}
		if allComplete(kinds) {
			log.InfoContext(ctx, "search index is complete")
			return nil
		}
		if !pause.For(ctx, progressEvery) {
			return fmt.Errorf("rebuild goes on: %w", ctx.Err())
		}
	}
}
