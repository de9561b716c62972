package standalone

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/standalone/demo"
)

// seedTimeout bounds the seeding of a fresh data directory.
const seedTimeout = time.Minute

// seed puts the demo users and videos on a fresh data directory, through the public
// API in memory. The process is ready only then: a client that asks for the feed at
// once finds them. A marker says that it was done.
func seed(ctx context.Context, rt *app.Runtime, dataDir string, report func(string, ...any)) error {
	marker := filepath.Join(dataDir, "seeded")
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	public := memhttp.NewServer(rt.Mux(), rt.Log)
	err := demo.Seed(ctx, &http.Client{Transport: public}, "http://localhost", report)
	if closed := public.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("demo data: %w", err)
	}
	return os.WriteFile(marker, []byte(time.Now().Format(time.RFC3339)+"\n"), 0o600)
}
