package durability

import (
	"cmp"
	"fmt"
	"slices"
)

// Violation is a promise that was broken.
type Violation struct {
	// Rule is its name, for example "D1".
	Rule string
	Text string
}

// Check returns every rule that a state breaks after a history.
func Check(h History, s State) []Violation {
	c := &checker{}
	c.edges("like", Like, h, s.Likes)
	c.edges("follow (in the list of the follower)", Follow, h, s.Following)
	c.edges("follow (in the list of the followed)", Follow, h, s.Followers)
	c.rows("comment", h, Comment, s.Comments)
	c.rows("message", h, Message, c.conversations(s.Conversations))
	c.answers(h)
	c.rows("video", h, Publish, published(s.Videos))
	c.feeds(s)
	c.accounts(h, s.Accounts)
	c.media(h, s.Media)
	c.streams(s)
	c.counters(h, s.Counters)
	c.found = append(c.found, CheckRegisters(h.Touches)...)
	return c.found
}

type checker struct{ found []Violation }

func (c *checker) add(rule, format string, args ...any) {
	c.found = append(c.found, Violation{Rule: rule, Text: fmt.Sprintf(format, args...)})
}

// may is the values a boolean can have after a sequence of operations of one
// actor: both after an unknown one.
type may struct{ off, on bool }

func (m may) after(on bool, outcome Outcome) may {
	switch outcome {
	case OK:
		return may{off: !on, on: on}
	case Unknown:
		return may{off: m.off || !on, on: m.on || on}
	default:
		return m
	}
}

// edges checks likes or follows: each is a boolean that only its actor sets.
func (c *checker) edges(name string, kind Kind, h History, present []Edge) {
	expected := map[Edge]may{}
	for _, op := range h.Operations {
		if op.Kind != kind {
			continue
		}
		edge := Edge{op.Actor, op.Target}
		state, known := expected[edge]
		if !known {
			state = may{off: true}
		}
		expected[edge] = state.after(op.On, op.Outcome)
	}
	times := map[Edge]int{}
	for _, edge := range present {
		times[edge]++
		if times[edge] == 2 {
			c.add("D4", "%s %v is there twice", name, edge)
		}
	}
	for edge, state := range expected {
		if times[edge] == 0 && !state.off {
			c.add("D1", "%s %v was acknowledged and is not there", name, edge)
		}
		if times[edge] > 0 && !state.on {
			c.add("D2", "%s %v is there and was taken back, refused or never made", name, edge)
		}
	}
	for edge := range times {
		if _, known := expected[edge]; !known {
			c.add("D2", "%s %v is there and nobody made it", name, edge)
		}
	}
}

// rows checks comments, messages or videos, which are made by a key and may be deleted by it.
func (c *checker) rows(name string, h History, kind Kind, present []Row) {
	made, state := map[string]Operation{}, map[string]may{}
	for _, op := range h.Operations {
		switch {
		case op.Kind == kind:
			made[op.Key] = op
			state[op.Key] = may{off: true}.after(true, op.Outcome)
		case op.Kind == Uncomment && kind == Comment, op.Kind == Unpublish && kind == Publish:
			state[op.Key] = state[op.Key].after(false, op.Outcome)
		}
	}
	times := map[string]int{}
	for _, row := range present {
		times[row.Text]++
		op, known := made[row.Text]
		switch {
		case !known:
			c.add("D2", "%s %d (%q) is there and nobody made it", name, row.ID, row.Text)
			continue
		case op.Outcome == Fail:
			c.add("D3", "%s %q was refused with %d and is there", name, row.Text, op.Code)
		case !state[row.Text].on:
			c.add("D1", "%s %q was deleted and is there", name, row.Text)
		}
		if row.Author != op.Actor || row.Target != op.Target {
			c.add("D2", "%s %q is of %d on %d, and was made by %d on %d", name, row.Text, row.Author, row.Target, op.Actor, op.Target)
		}
		if times[row.Text] == 2 {
			c.add("D4", "%s %q is there twice", name, row.Text)
		}
		if len(op.Answers) > 0 && !slices.Contains(op.Answers, row.ID) {
			c.add("D4", "%s %q has id %d, and the answers said %v", name, row.Text, row.ID, op.Answers)
		}
	}
	for key := range made {
		if times[key] == 0 && !state[key].off {
			c.add("D1", "%s %q was acknowledged and is not there", name, key)
		}
	}
}

func published(videos []Video) []Row {
	rows := make([]Row, len(videos))
	for i, v := range videos {
		rows[i] = Row{ID: v.ID, Author: v.Author, Text: v.Title}
	}
	return rows
}

// feedSize is how many videos a following feed has.
const feedSize = 1000

// feeds checks that each following feed is exactly the newest videos of those
// its viewer follows, newest first.
func (c *checker) feeds(s State) {
	byAuthor := map[int64][]Video{}
	for _, v := range s.Videos {
		byAuthor[v.Author] = append(byAuthor[v.Author], v)
	}
	for _, feed := range s.Feeds {
		var all []Video
		for _, edge := range s.Following {
			if edge.From == feed.Viewer {
				all = append(all, byAuthor[edge.To]...)
			}
		}
		slices.SortFunc(all, func(a, b Video) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.ID, a.ID)) })
		want := make([]int64, 0, feedSize)
		for _, v := range all[:min(len(all), feedSize)] {
			want = append(want, v.ID)
		}
		if !slices.Equal(want, feed.Videos) {
			c.add("T1", "the feed of %d has %d videos and should have %d: missing %v, too many %v",
				feed.Viewer, len(feed.Videos), len(want), without(want, feed.Videos), without(feed.Videos, want))
		}
	}
}

// without returns the entries of a beyond those of b; of one that is twice in a and once in b one is left.
func without(a, b []int64) []int64 {
	left := map[int64]int{}
	for _, id := range b {
		left[id]++
	}
	var rest []int64
	for _, id := range a {
		if left[id]--; left[id] < 0 {
			rest = append(rest, id)
		}
	}
	return rest
}

// CheckCaches says what was answered otherwise before the caches were lost than
// after, at rest: copies that were not what they were copied from.
func CheckCaches(before, after State) []Violation {
	c := &checker{}
	counts := map[string]int64{}
	for _, counter := range after.Counters {
		counts[counter.Name] = counter.Read
	}
	for _, counter := range before.Counters {
		if truth := counts[counter.Name]; truth != counter.Read {
			c.add("R3", "%s was %d in the cache and is %d", counter.Name, counter.Read, truth)
		}
	}
	cards := map[int64]string{}
	for _, v := range after.Videos {
		cards[v.ID] = v.Card
	}
	for _, v := range before.Videos {
		if cards[v.ID] != v.Card {
			c.add("R3", "video %d was %q in the cache and is %q", v.ID, v.Card, cards[v.ID])
		}
	}
	feeds := map[int64][]int64{}
	for _, f := range after.Feeds {
		feeds[f.Viewer] = f.Videos
	}
	for _, f := range before.Feeds {
		if !slices.Equal(feeds[f.Viewer], f.Videos) {
			c.add("R3", "the timeline of %d was %v in the cache and is %v", f.Viewer, f.Videos, feeds[f.Viewer])
		}
	}
	return c.found
}

// conversations checks that both sides agree, and returns the messages once.
func (c *checker) conversations(all []Conversation) []Row {
	var rows []Row
	for _, conversation := range all {
		if !slices.Equal(conversation.First, conversation.Second) {
			c.add("M1", "a conversation has %d messages for one side and %d for the other, or another order",
				len(conversation.First), len(conversation.Second))
		}
		rows = append(rows, conversation.First...)
	}
	return rows
}

// answers checks that all answers for a key are equal.
func (c *checker) answers(h History) {
	for _, op := range h.Operations {
		if ids := slices.Compact(slices.Clone(op.Answers)); len(ids) > 1 {
			c.add("D4", "key %q was answered with the ids %v", op.Key, ids)
		}
	}
}

func (c *checker) counters(h History, counters []Counter) {
	for _, counter := range counters {
		if counter.Read != counter.Rows {
			c.add("C1", "%s is %d and there are %d", counter.Name, counter.Read, counter.Rows)
		}
		if counter.Read < 0 {
			c.add("C2", "%s is %d", counter.Name, counter.Read)
		}
	}
	for _, name := range h.Negative {
		c.add("C2", "%s was read below zero", name)
	}
}
