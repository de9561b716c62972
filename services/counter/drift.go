package counter

// drift is a count that differs from its rows.
type drift struct {
	kind    string
	was, is int64
}

// count is a row of one of the two tables.
type count[R any] interface {
	comparable
	// key is whose counts they are.
	key() int64
	version() int64
	// as returns the same counts under an id and a version.
	as(id, version int64) R
	// drifts returns how the counts differ from what was counted.
	drifts(truth R) []drift
}

func (c videoCount) key() int64     { return c.VideoID }
func (c videoCount) version() int64 { return c.Version }

func (c videoCount) as(id, version int64) videoCount {
	c.VideoID, c.Version = id, version
	return c
}

func (c videoCount) drifts(truth videoCount) []drift {
	return different([]drift{
		{"video_favorites", c.Favorites, truth.Favorites}, {"video_comments", c.Comments, truth.Comments},
	})
}

func (c userCount) key() int64     { return c.UserID }
func (c userCount) version() int64 { return c.Version }

func (c userCount) as(id, version int64) userCount {
	c.UserID, c.Version = id, version
	return c
}

func (c userCount) drifts(truth userCount) []drift {
	return different([]drift{
		{"user_following", c.Following, truth.Following}, {"user_followers", c.Followers, truth.Followers},
		{"user_favorited", c.Favorited, truth.Favorited}, {"user_works", c.Works, truth.Works},
		{"user_favorites", c.Favorites, truth.Favorites},
	})
}

func different(all []drift) []drift {
	var some []drift
	for _, d := range all {
		if d.was != d.is {
			some = append(some, d)
		}
	}
	return some
}
