package search

import "douyin.dev/services/platform/page"

// place is a result and its place in the order: the higher score first, then the
// higher id.
type place struct {
	Score int64
	ID    int64
}

func readPage(size int32, token string) (limit int, after *page.Cursor, err error) {
	if limit, err = page.Size("page_size", size, defaultPage, maxPage); err != nil {
		return 0, nil, err
	}
	after, err = page.Parse("page_token", token)
	return limit, after, err
}

// cutPage returns the ids of a page, and the token of the next one when there is more
// than the page.
func cutPage(found []place, size int) (ids []int64, next string) {
	if len(found) > size {
		found = found[:size]
		last := found[size-1]
		next = page.Cursor{Time: last.Score, ID: last.ID}.Token()
	}
	for _, p := range found {
		ids = append(ids, p.ID)
	}
	return ids, next
}
