package counter

// drift is a count that differs from its rows.
type drift struct {
	kind    string
	was, is int64
}

// sum is one of the counts of a row.
type sum struct {
	column string
	value  int64
}

// count is a row of one of the two tables.
type count[R any] interface {
	comparable
	// of names whose counts they are: video or user.
	of() string
	// key is the id of the video or the user.
	key() int64
	version() int64
	// withID returns the same counts under an id.
	withID(id int64) R
	// recounted returns the row with the counts of a tally, and the rest as it is.
	recounted(truth R) R
	// sums returns the counts, always in the same order.
	sums() []sum
}

func (c videoCount) of() string     { return "video" }
func (c videoCount) key() int64     { return c.VideoID }
func (c videoCount) version() int64 { return c.Version }

func (c videoCount) withID(id int64) videoCount {
	c.VideoID = id
	return c
}

func (c videoCount) recounted(truth videoCount) videoCount {
	c.Favorites, c.Comments = truth.Favorites, truth.Comments
	return c
}

func (c videoCount) sums() []sum {
	return []sum{{"favorites", c.Favorites}, {"comments", c.Comments}, {"views", c.Views}}
}

func (c userCount) of() string     { return "user" }
func (c userCount) key() int64     { return c.UserID }
func (c userCount) version() int64 { return c.Version }

func (c userCount) withID(id int64) userCount {
	c.UserID = id
	return c
}

func (c userCount) recounted(truth userCount) userCount {
	truth.UserID, truth.Version = c.UserID, c.Version
	return truth
}

func (c userCount) sums() []sum {
	return []sum{
		{"following", c.Following}, {"followers", c.Followers}, {"favorited", c.Favorited}, {"works", c.Works}, {"favorites", c.Favorites},
	}
}

// drifts returns the counts of a row that differ from what was counted.
func drifts[R count[R]](was, truth R) []drift {
	var all []drift
	counted := truth.sums()
	for i, s := range was.sums() {
		if is := counted[i].value; s.value != is {
			all = append(all, drift{kind: was.of() + "_" + s.column, was: s.value, is: is})
		}
	}
	return all
}
