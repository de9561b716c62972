package blob

import (
	"fmt"
	"regexp"
)

// keyLimit in bytes; S3 allows 1024, file systems below a store less.
const keyLimit = 512

// A key is segments joined by slashes. No segment is empty or begins with a
// dot, so no key climbs out of a directory and none is hidden in one. A key
// must not be another one's directory either ("a" and "a/b"): stores that keep
// files cannot hold both. Ours end in a name with an extension.
var (
	keyShape    = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)
	prefixShape = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?)?$`)
)

func checkKey(key string) error {
	if len(key) > keyLimit || !keyShape.MatchString(key) {
		return fmt.Errorf("%w: %.64q", ErrKey, key)
	}
	return nil
}

func checkPrefix(prefix string) error {
	if len(prefix) > keyLimit || !prefixShape.MatchString(prefix) {
		return fmt.Errorf("%w: prefix %.64q", ErrKey, prefix)
	}
	return nil
}
