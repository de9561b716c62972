package id_test

import (
	"fmt"
	"time"

	"douyin.dev/services/platform/id"
)

// Ids rise, fit into the integers of JSON, and know when they were made.
func ExampleGenerator() {
	ids := id.New(id.Fixed(7))
	first, err := ids.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	second, err := ids.Next()
	fmt.Println(first < second, second < 1<<53, time.Since(id.Time(second)) < time.Minute, err)
	// Output: true true true <nil>
}
