package feed

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"douyin.dev/services/platform/page"
)

const (
	// feedSize is how many videos a following feed has.
	feedSize = 1000
	// timelineLife is how long a timeline is kept after its rebuild.
	timelineLife = 24 * time.Hour
	// rebuildLife is how long the token of a rebuild that died stays.
	rebuildLife = 30 * time.Second
	// goneLife is how long an unfollow is noted, pushLife how old a list of
	// followers may be when a push arrives. The rest is for clocks that differ.
	goneLife = time.Hour
	pushLife = 10 * time.Minute
	// pipeline is how many timelines are changed in one round trip.
	pipeline = 500
)

// errLate says that a push took so long that it has to begin anew.
var errLate = errors.New("the list of followers is too old to push by")

// entry is a video's place in a feed.
type entry struct {
	id, at int64 // at in Unix milliseconds
}

// newestFirst orders a feed: by time, then by id.
func newestFirst(a, b entry) int {
	return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.id, a.id))
}

// member writes an id so that equal scores sort by it.
func member(id int64) string { return fmt.Sprintf("%016d", id) }

// timelines keeps the timelines in Redis. It is safe for concurrent use.
type timelines struct {
	redis   rueidis.Client
	scripts scripts
	cap     int // videos in a timeline
}

func newTimelines(redis rueidis.Client) *timelines {
	return &timelines{redis: redis, scripts: newScripts(), cap: feedSize}
}

// now tells the time of Redis in Unix milliseconds: what is compared with it
// later must not depend on this machine's clock.
func (t *timelines) now(ctx context.Context) (int64, error) {
	parts, err := t.redis.Do(ctx, t.redis.B().Time().Build()).AsIntSlice()
	if err != nil {
		return 0, fmt.Errorf("ask redis for the time: %w", err)
	}
	if len(parts) != 2 {
		return 0, fmt.Errorf("ask redis for the time: an answer of %d parts", len(parts))
	}
	return parts[0]*1000 + parts[1]/1000, nil
}

func timelineKey(user int64) string { return fmt.Sprintf("douyin:{tl:%d}", user) }

// keys returns a user's timeline and the note of unfollowed authors beside it.
func keys(user int64) []string {
	k := timelineKey(user)
	return []string{k, k + ":gone"}
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// part is what a timeline answered.
type part struct {
	entries []entry
	pulled  []int64 // authors whose videos are not in it
}

// read returns at least limit entries after a cursor, newest first, where there
// are so many; a nil cursor begins at the newest. A timeline that is missing or
// being rebuilt gives false.
func (t *timelines) read(ctx context.Context, user int64, from *page.Cursor, limit int) (part, bool, error) {
	top := "+inf"
	if from != nil {
		top = decimal(from.Time)
	}
	answer, err := t.scripts.read.Exec(ctx, t.redis, []string{timelineKey(user)}, []string{top, strconv.Itoa(limit)}).ToArray()
	if rueidis.IsRedisNil(err) {
		return part{}, false, nil
	}
	if err != nil {
		return part{}, false, fmt.Errorf("read timeline: %w", err)
	}
	p, err := parsePart(answer)
	if err != nil {
		return part{}, false, fmt.Errorf("read timeline: %w", err)
	}
	p.entries = after(p.entries, from)
	return p, true, nil
}

func parsePart(answer []rueidis.RedisMessage) (part, error) {
	if len(answer) != 2 {
		return part{}, fmt.Errorf("an answer of %d parts", len(answer))
	}
	marks, err := answer[0].AsStrSlice()
	if err != nil {
		return part{}, err
	}
	var p part
	for _, m := range marks {
		author, err := strconv.ParseInt(strings.TrimPrefix(m, "@"), 10, 64)
		if err != nil {
			return part{}, err
		}
		p.pulled = append(p.pulled, author)
	}
	flat, err := answer[1].AsStrSlice() // member, score, member, score, …
	if err != nil {
		return part{}, err
	}
	for i := 0; i+1 < len(flat); i += 2 {
		id, err := strconv.ParseInt(flat[i], 10, 64)
		if err != nil {
			return part{}, err
		}
		at, err := strconv.ParseInt(flat[i+1], 10, 64)
		if err != nil {
			return part{}, err
		}
		p.entries = append(p.entries, entry{id: id, at: at})
	}
	return p, nil
}

// after drops the entries up to and including a cursor.
func after(entries []entry, from *page.Cursor) []entry {
	if from == nil {
		return entries
	}
	last := entry{id: from.ID, at: from.Time}
	i, _ := slices.BinarySearchFunc(entries, last, func(e, last entry) int {
		if newestFirst(e, last) <= 0 {
			return -1
		}
		return 1
	})
	return entries[i:]
}

// begin starts a rebuild. It returns false when there is a timeline already, or
// another rebuild.
func (t *timelines) begin(ctx context.Context, user int64) (token string, ok bool, err error) {
	token = rand.Text()
	n, err := t.scripts.begin.Exec(ctx, t.redis, []string{timelineKey(user)}, []string{token, ms(rebuildLife)}).AsInt64()
	if err != nil {
		return "", false, fmt.Errorf("begin timeline: %w", err)
	}
	return token, n == 1, nil
}

// finish ends a rebuild with what it read. It returns false when the rebuild
// was discarded meanwhile.
func (t *timelines) finish(ctx context.Context, user int64, token string, p part) (bool, error) {
	args := make([]string, 0, 3+2*len(p.entries)+2*len(p.pulled))
	args = append(args, token, strconv.Itoa(t.cap), ms(timelineLife))
	for _, author := range p.pulled {
		args = append(args, "-2", "@"+decimal(author))
	}
	for _, e := range p.entries {
		args = append(args, decimal(e.at), member(e.id))
	}
	n, err := t.scripts.finish.Exec(ctx, t.redis, []string{timelineKey(user)}, args).AsInt64()
	if err != nil {
		return false, fmt.Errorf("finish timeline: %w", err)
	}
	return n == 1, nil
}

// push adds a video to the timelines of an author's followers, where they
// exist. read is the time, by now, before the list of followers was asked for.
func (t *timelines) push(ctx context.Context, author int64, e entry, followers []int64, read int64) error {
	return t.each(ctx, t.scripts.push, followers, append(still(author, read), decimal(e.at), member(e.id), strconv.Itoa(t.cap)))
}

// mark says in the timelines of an author's followers that the author is pulled.
func (t *timelines) mark(ctx context.Context, author int64, followers []int64, read int64) error {
	return t.each(ctx, t.scripts.mark, followers, still(author, read))
}

// remove takes a video out of timelines.
func (t *timelines) remove(ctx context.Context, id int64, followers []int64) error {
	return t.each(ctx, t.scripts.remove, followers, []string{member(id), strconv.Itoa(t.cap)})
}

// discard deletes timelines, and lets rebuilds that are under way end without one.
func (t *timelines) discard(ctx context.Context, users []int64) error {
	for chunk := range slices.Chunk(users, pipeline) {
		commands := make(rueidis.Commands, len(chunk))
		for i, user := range chunk {
			commands[i] = t.redis.B().Del().Key(timelineKey(user)).Build()
		}
		for _, r := range t.redis.DoMulti(ctx, commands...) {
			if err := r.Error(); err != nil {
				return fmt.Errorf("discard timelines: %w", err)
			}
		}
	}
	return nil
}

// changed discards the timeline of a user who follows or unfollowed an author.
func (t *timelines) changed(ctx context.Context, user, author int64, following bool) error {
	flag := "0"
	if following {
		flag = "1"
	}
	if err := t.scripts.changed.Exec(ctx, t.redis, keys(user), []string{decimal(author), flag, ms(goneLife)}).Error(); err != nil {
		return fmt.Errorf("discard timeline: %w", err)
	}
	return nil
}

// still are the first arguments of stillLua.
func still(author, read int64) []string {
	return []string{decimal(author), decimal(read), ms(pushLife)}
}

// each runs a script on the timelines of users, in batches.
func (t *timelines) each(ctx context.Context, script *rueidis.Lua, users []int64, args []string) error {
	for chunk := range slices.Chunk(users, pipeline) {
		execs := make([]rueidis.LuaExec, len(chunk))
		for i, user := range chunk {
			execs[i] = rueidis.LuaExec{Keys: keys(user), Args: args}
		}
		for _, r := range script.ExecMulti(ctx, t.redis, execs...) {
			n, err := r.AsInt64()
			if err != nil {
				return fmt.Errorf("change timelines: %w", err)
			}
			if n < 0 {
				return errLate
			}
		}
	}
	return nil
}
