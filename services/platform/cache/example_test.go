package cache_test

import (
	"context"
	"fmt"

	"douyin.dev/services/platform/cache"
)

type profile struct {
	Name    string
	Version int64
}

// A value is loaded once, however often it is read, and an older version never replaces a newer one.
func ExampleCache() {
	loads := 0
	profiles, err := cache.New(cache.Options[int64, profile]{
		Name: "profile", SingleProcess: true,
		Version: func(p profile) int64 { return p.Version },
		Load: func(_ context.Context, ids []int64) (map[int64]profile, error) {
			loads++
			return map[int64]profile{7: {"anna", 1}}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for range 3 {
		p, ok, err := profiles.Get(ctx, 7)
		fmt.Println(p.Name, ok, err, loads)
	}
	profiles.Put(ctx, 7, profile{"anna lee", 3}) // after the commit that changed it
	profiles.Put(ctx, 7, profile{"anne", 2})     // a slow writer
	p, _, _ := profiles.Get(ctx, 7)
	fmt.Println(p.Name)
	// Output:
	// anna true <nil> 1
	// anna true <nil> 1
	// anna true <nil> 1
	// anna lee
}
