package page_test

import (
	"fmt"

	"douyin.dev/services/platform/page"
)

// The last entry of a page becomes the token of the next one, and comes back as the place to go on from.
func ExampleCursor() {
	token := page.Cursor{Time: 1_700_000_000_000_000, ID: 42}.Token()
	after, err := page.Parse("page_token", token)
	fmt.Println(*after, err)

	first, err := page.Parse("page_token", "")
	fmt.Println(first == nil, err)
	// Output:
	// {1700000000000000 42} <nil>
	// true <nil>
}

func ExampleSize() {
	const usual, most = 20, 50
	fmt.Println(page.Size("page_size", 0, usual, most))
	fmt.Println(page.Size("page_size", 50, usual, most))
	_, err := page.Size("page_size", 51, usual, most)
	fmt.Println(err != nil)
	// Output:
	// 20 <nil>
	// 50 <nil>
	// true
}
