package durability

import (
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
	c.counters(h, s.Counters)
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

// rows checks comments or messages, which are made by a key and may be deleted by it.
func (c *checker) rows(name string, h History, kind Kind, present []Row) {
	made, state := map[string]Operation{}, map[string]may{}
	for _, op := range h.Operations {
		switch {
		case op.Kind == kind:
			made[op.Key] = op
			state[op.Key] = may{off: true}.after(true, op.Outcome)
		case op.Kind == Uncomment && kind == Comment:
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
			c.add("D3", "%s %q was refused and is there", name, row.Text)
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
