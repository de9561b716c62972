package username_test

import (
	"fmt"

	"douyin.dev/services/platform/username"
)

// Spellings that people take for one name have one key.
func ExampleKey() {
	fmt.Println(username.Key("Anna  Lee") == username.Key(" ａｎｎａ lee "))
	fmt.Println(username.Key("Anna Lee") == username.Key("Anna Li"))
	// Output:
	// true
	// false
}

func ExampleShown() {
	fmt.Printf("%q\n", username.Shown("  Ａnna "))
	// Output: "Anna"
}
