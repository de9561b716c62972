package durability

import (
	"cmp"
	"slices"
)

// accounts checks that each account opens with its password, and each session
// until it was ended, and no longer.
func (c *checker) accounts(h History, accounts []Account) {
	made, ended := map[string]Operation{}, map[string]Outcome{}
	for _, op := range h.Operations {
		switch op.Kind {
		case Register:
			made[op.Key] = op
		case Logout:
			ended[op.Key] = op.Outcome
		}
	}
	for _, a := range accounts {
		op := made[a.Name]
		switch {
		case op.Outcome == OK && a.ID == 0:
			c.add("A1", "the account %s was acknowledged and does not open", a.Name)
		case op.Outcome == Fail && a.ID != 0:
			c.add("D3", "the account %s was refused and opens", a.Name)
		case a.ID != 0 && len(op.Answers) > 0 && op.Answers[0] != a.ID:
			c.add("A1", "the account %s is user %d, and was acknowledged as %d", a.Name, a.ID, op.Answers[0])
		}
		outcome, loggedOut := ended[a.Name]
		switch {
		case op.Token == "":
		case loggedOut && outcome == OK && a.Session:
			c.add("A1", "the session of %s was ended and is open", a.Name)
		case (!loggedOut || outcome == Fail) && !a.Session:
			c.add("A1", "the session of %s was not ended and is refused", a.Name)
		}
	}
}

// media checks that published videos are what was sent, and that deleted ones
// cannot be played.
func (c *checker) media(h History, media []Media) {
	made, deleted := map[string]Operation{}, map[string]Outcome{}
	for _, op := range h.Operations {
		switch op.Kind {
		case Publish:
			made[op.Key] = op
		case Unpublish:
			deleted[op.Key] = op.Outcome
		}
	}
	const sumLength = 64 // of a SHA-256 in hexadecimal
	for _, m := range media {
		outcome, gone := deleted[m.Title]
		switch {
		case gone && outcome == OK:
			if len(m.Play) == sumLength {
				c.add("U1", "the video %q was deleted and is still played", m.Title)
			}
			continue
		case gone && outcome == Unknown:
			continue
		}
		if want := made[m.Title].Sum; m.Play != want {
			c.add("U1", "the video %q is %s, and what was sent %s", m.Title, m.Play, want)
		}
		if !gone && len(m.Cover) != sumLength {
			c.add("U1", "the cover of %q is %s", m.Title, cmp.Or(m.Cover, "missing"))
		}
	}
}

// streams checks that subscribers got each of their messages once, and those
// with one peer in the order of the conversation.
func (c *checker) streams(s State) {
	for _, stream := range s.Streams {
		want, got := map[int64][]Row{}, map[int64][]Row{}
		peer := func(m Row) int64 {
			if m.Author == stream.User {
				return m.Target
			}
			return m.Author
		}
		for _, conversation := range s.Conversations {
			for _, m := range slices.Backward(conversation.First) { // newest first
				if m.Author == stream.User || m.Target == stream.User {
					want[peer(m)] = append(want[peer(m)], m)
				}
			}
		}
		for _, m := range stream.Messages {
			got[peer(m)] = append(got[peer(m)], m)
		}
		for other := range got {
			if _, known := want[other]; !known {
				want[other] = nil
			}
		}
		for other, messages := range want {
			if !slices.Equal(messages, got[other]) {
				c.add("M1", "the stream of %d has %d messages with %d and should have %d: missing %v, too many %v, or another order",
					stream.User, len(got[other]), other, len(messages), without(ids(messages), ids(got[other])), without(ids(got[other]), ids(messages)))
			}
		}
	}
}

func ids(rows []Row) []int64 {
	all := make([]int64, len(rows))
	for i, r := range rows {
		all[i] = r.ID
	}
	return all
}
