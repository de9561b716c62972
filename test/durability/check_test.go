package durability_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"douyin.dev/test/durability"
)

// good is a history and the state it should have led to.
func good() (durability.History, durability.State) {
	const ann, bob, video = 1, 2, 10
	hash := func(text string) string { return strings.Repeat(text, 32) } // as long as one
	first, second := durability.Row{ID: 21, Author: ann, Target: bob, Text: "m1"}, durability.Row{ID: 22, Author: bob, Target: ann, Text: "m2"}
	messages := []durability.Row{second, first} // newest first
	h := durability.History{Operations: []durability.Operation{
		{Kind: durability.Like, Actor: ann, Target: video, On: true, Outcome: durability.OK},
		{Kind: durability.Like, Actor: bob, Target: video, On: true, Outcome: durability.OK},
		{Kind: durability.Like, Actor: bob, Target: video, Outcome: durability.OK},
		{Kind: durability.Follow, Actor: ann, Target: bob, On: true, Outcome: durability.OK},
		{Kind: durability.Follow, Actor: bob, Target: ann, On: true, Outcome: durability.Fail},
		{Kind: durability.Comment, Actor: ann, Target: video, Key: "c1", Answers: []int64{11, 11}, Outcome: durability.OK},
		{Kind: durability.Comment, Actor: ann, Target: video, Key: "c2", Answers: []int64{12}, Outcome: durability.OK},
		{Kind: durability.Uncomment, Actor: ann, Target: video, Key: "c2", Outcome: durability.OK},
		{Kind: durability.Comment, Actor: bob, Target: video, Key: "c3", Outcome: durability.Fail},
		{Kind: durability.Message, Actor: ann, Target: bob, Key: "m1", Answers: []int64{21}, Outcome: durability.OK},
		{Kind: durability.Publish, Actor: bob, Key: "v1", Sum: hash("v1"), Outcome: durability.OK},
		{Kind: durability.Publish, Actor: bob, Key: "v2", Sum: hash("v2"), Outcome: durability.Unknown},
		{Kind: durability.Publish, Actor: bob, Key: "v3", Sum: hash("v3"), Outcome: durability.OK},
		{Kind: durability.Unpublish, Actor: bob, Key: "v3", Outcome: durability.OK},
		{Kind: durability.Register, Actor: ann, Key: "ann", Answers: []int64{ann}, Token: "t1", Outcome: durability.OK},
		{Kind: durability.Register, Actor: ann, Key: "eve", Answers: []int64{9}, Token: "t2", Outcome: durability.OK},
		{Kind: durability.Logout, Actor: ann, Key: "eve", Outcome: durability.OK},
		{Kind: durability.Register, Actor: ann, Key: "refused", Outcome: durability.Fail},
		{Kind: durability.Message, Actor: bob, Target: ann, Key: "m2", Answers: []int64{22}, Outcome: durability.OK},
	}, Touches: []durability.Touch{
		{Register: "like", Set: true, Value: true, Began: 1, Ended: 2}, {Register: "like", Value: true, Began: 3, Ended: 4},
	}}
	return h, durability.State{
		Likes:         []durability.Edge{{From: ann, To: video}},
		Following:     []durability.Edge{{From: ann, To: bob}},
		Followers:     []durability.Edge{{From: ann, To: bob}},
		Comments:      []durability.Row{{ID: 11, Author: ann, Target: video, Text: "c1"}},
		Conversations: []durability.Conversation{{First: messages, Second: slices.Clone(messages)}},
		Counters:      []durability.Counter{{Name: "favorite_count", Read: 1, Rows: 1}},
		Videos:        []durability.Video{{ID: video, Author: bob, At: 5, Title: "v1"}, {ID: 11, Author: bob, At: 5, Title: "v2"}},
		Feeds:         []durability.Feed{{Viewer: ann, Videos: []int64{11, video}}, {Viewer: bob}},
		Streams:       []durability.Stream{{User: ann, Messages: []durability.Row{first, second}}},
		Accounts:      []durability.Account{{Name: "ann", ID: ann, Session: true}, {Name: "eve", ID: 9}, {Name: "refused"}},
		Media: []durability.Media{
			{Title: "v1", Play: hash("v1"), Cover: hash("c1")}, {Title: "v2", Play: hash("v2"), Cover: hash("c2")}, {Title: "v3", Play: "404 Not Found"},
		},
	}
}

func TestGoodStateBreaksNothing(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]durability.Violation(nil), durability.Check(good())); diff != "" {
		t.Error(diff)
	}
}

func TestPlantedViolationIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		want  []string
		plant func(h *durability.History, s *durability.State)
	}{
		{"LostLike", []string{"D1"}, func(_ *durability.History, s *durability.State) { s.Likes = nil }},
		{"LostFollow", []string{"D1", "T1"}, func(_ *durability.History, s *durability.State) { s.Following = nil }},
		{"LostFollower", []string{"D1"}, func(_ *durability.History, s *durability.State) { s.Followers = nil }},
		{"LostComment", []string{"D1"}, func(_ *durability.History, s *durability.State) { s.Comments = nil }},
		{"LostMessage", []string{"D1", "D1", "M1"}, func(_ *durability.History, s *durability.State) { s.Conversations = nil }},
		{"LostUnlike", []string{"D2"}, func(_ *durability.History, s *durability.State) {
			s.Likes = append(s.Likes, durability.Edge{From: 2, To: 10})
		}},
		{"LostDelete", []string{"D1"}, func(_ *durability.History, s *durability.State) {
			s.Comments = append(s.Comments, durability.Row{ID: 12, Author: 1, Target: 10, Text: "c2"})
		}},
		{"PhantomLike", []string{"D2"}, func(_ *durability.History, s *durability.State) {
			s.Likes = append(s.Likes, durability.Edge{From: 1, To: 99})
		}},
		{"PhantomComment", []string{"D2"}, func(_ *durability.History, s *durability.State) {
			s.Comments = append(s.Comments, durability.Row{ID: 99, Author: 1, Target: 10, Text: "c9"})
		}},
		{"AnothersComment", []string{"D2"}, func(_ *durability.History, s *durability.State) { s.Comments[0].Author = 2 }},
		{"FailedFollowTookEffect", []string{"D2"}, func(_ *durability.History, s *durability.State) {
			s.Following = append(s.Following, durability.Edge{From: 2, To: 1})
		}},
		{"FailedCommentTookEffect", []string{"D3"}, func(_ *durability.History, s *durability.State) {
			s.Comments = append(s.Comments, durability.Row{ID: 13, Author: 2, Target: 10, Text: "c3"})
		}},
		{"LikeTwice", []string{"D4"}, func(_ *durability.History, s *durability.State) { s.Likes = append(s.Likes, s.Likes[0]) }},
		{"CommentTwice", []string{"D4"}, func(_ *durability.History, s *durability.State) {
			s.Comments = append(s.Comments, s.Comments[0])
		}},
		{"TwoAnswersForAKey", []string{"D4"}, func(h *durability.History, _ *durability.State) { h.Operations[5].Answers[1] = 99 }},
		{"AnotherIDThanAnswered", []string{"D4"}, func(_ *durability.History, s *durability.State) { s.Comments[0].ID = 99 }},
		{"OneSideMissesAMessage", []string{"M1"}, func(_ *durability.History, s *durability.State) { s.Conversations[0].Second = nil }},
		{"LostVideo", []string{"D1", "T1"}, func(_ *durability.History, s *durability.State) { s.Videos = s.Videos[1:] }},
		{"VideoTwice", []string{"D4", "T1"}, func(_ *durability.History, s *durability.State) {
			s.Videos = append(s.Videos, durability.Video{ID: 12, Author: 2, At: 5, Title: "v1"})
		}},
		{"MissingInAFeed", []string{"T1"}, func(_ *durability.History, s *durability.State) { s.Feeds[0].Videos = []int64{11} }},
		{"TwiceInAFeed", []string{"T1"}, func(_ *durability.History, s *durability.State) { s.Feeds[0].Videos = []int64{11, 11, 10} }},
		{"StrangerInAFeed", []string{"T1"}, func(_ *durability.History, s *durability.State) { s.Feeds[1].Videos = []int64{10} }},
		{"OldestFirst", []string{"T1"}, func(_ *durability.History, s *durability.State) { s.Feeds[0].Videos = []int64{10, 11} }},
		{"LostObject", []string{"U1"}, func(_ *durability.History, s *durability.State) { s.Media[0].Play = "404 Not Found" }},
		{"AnothersBytes", []string{"U1"}, func(_ *durability.History, s *durability.State) { s.Media[0].Play = s.Media[1].Play }},
		{"LostCover", []string{"U1"}, func(_ *durability.History, s *durability.State) { s.Media[0].Cover = "404 Not Found" }},
		{"DeletedVideoIsPlayed", []string{"U1"}, func(h *durability.History, s *durability.State) { s.Media[2].Play = h.Operations[12].Sum }},
		{"DeletedVideoIsListed", []string{"D1", "T1"}, func(_ *durability.History, s *durability.State) {
			s.Videos = append(s.Videos, durability.Video{ID: 13, Author: 2, At: 5, Title: "v3"})
		}},
		{"LostAccount", []string{"A1"}, func(_ *durability.History, s *durability.State) { s.Accounts[0].ID = 0 }},
		{"AnothersAccount", []string{"A1"}, func(_ *durability.History, s *durability.State) { s.Accounts[0].ID = 9 }},
		{"RefusedAccountOpens", []string{"D3"}, func(_ *durability.History, s *durability.State) { s.Accounts[2].ID = 7 }},
		{"LostSession", []string{"A1"}, func(_ *durability.History, s *durability.State) { s.Accounts[0].Session = false }},
		{"LostLogout", []string{"A1"}, func(_ *durability.History, s *durability.State) { s.Accounts[1].Session = true }},
		{"MissingInAStream", []string{"M1"}, func(_ *durability.History, s *durability.State) { s.Streams[0].Messages = s.Streams[0].Messages[:1] }},
		{"TwiceInAStream", []string{"M1"}, func(_ *durability.History, s *durability.State) {
			s.Streams[0].Messages = append(s.Streams[0].Messages, s.Streams[0].Messages[1])
		}},
		{"AnotherOrderInAStream", []string{"M1"}, func(_ *durability.History, s *durability.State) { slices.Reverse(s.Streams[0].Messages) }},
		{"StrangerInAStream", []string{"M1"}, func(_ *durability.History, s *durability.State) {
			s.Streams[0].Messages = append(s.Streams[0].Messages, durability.Row{ID: 99, Author: 1, Target: 3, Text: "m9"})
		}},
		{"StaleRead", []string{"D5"}, func(h *durability.History, _ *durability.State) { h.Touches[1].Value = false }},
		{"CounterTooHigh", []string{"C1"}, func(_ *durability.History, s *durability.State) { s.Counters[0].Read = 2 }},
		{"CounterNegative", []string{"C1", "C2"}, func(_ *durability.History, s *durability.State) { s.Counters[0].Read = -1 }},
		{"CounterWasNegative", []string{"C2"}, func(h *durability.History, _ *durability.State) { h.Negative = []string{"work_count"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, s := good()
			c.plant(&h, &s)
			var rules []string
			for _, violation := range durability.Check(h, s) {
				rules = append(rules, violation.Rule)
			}
			if diff := cmp.Diff(c.want, rules); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// After an unknown operation either value is right, until one is acknowledged.
func TestUnknownOutcomeAllowsBoth(t *testing.T) {
	t.Parallel()
	edge := durability.Edge{From: 1, To: 2}
	toggle := func(on bool, outcome durability.Outcome) durability.Operation {
		return durability.Operation{Kind: durability.Like, Actor: edge.From, Target: edge.To, On: on, Outcome: outcome}
	}
	ok, unknown := durability.OK, durability.Unknown
	for _, c := range []struct {
		name              string
		ops               []durability.Operation
		absent, presentOK bool
	}{
		{"Unknown", []durability.Operation{toggle(true, unknown)}, true, true},
		{"UnknownThenOK", []durability.Operation{toggle(true, unknown), toggle(true, ok)}, false, true},
		{"OKThenUnknownOff", []durability.Operation{toggle(true, ok), toggle(false, unknown)}, true, true},
		{"OKThenUnknownOn", []durability.Operation{toggle(true, ok), toggle(true, unknown)}, false, true},
		{"UnknownOnlyOff", []durability.Operation{toggle(false, unknown)}, true, false},
		{"UnknownThenFail", []durability.Operation{toggle(true, unknown), toggle(false, durability.Fail)}, true, true},
	} {
		h := durability.History{Operations: c.ops}
		if got := len(durability.Check(h, durability.State{})) == 0; got != c.absent {
			t.Errorf("%s: absent is right: %v, want %v", c.name, got, c.absent)
		}
		present := durability.State{Likes: []durability.Edge{edge}}
		if got := len(durability.Check(h, present)) == 0; got != c.presentOK {
			t.Errorf("%s: present is right: %v, want %v", c.name, got, c.presentOK)
		}
	}
}

// A platform that does what it says, whatever it says, breaks no rule; one
// that drops any acknowledged like is caught.
func TestHonestPlatformPassesAndForgetfulOneFails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h durability.History
		likes := map[durability.Edge]bool{}
		sure := map[durability.Edge]bool{} // present beyond doubt
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			op := durability.Operation{
				Kind:  durability.Like,
				Actor: rapid.Int64Range(1, 3).Draw(t, "actor"), Target: rapid.Int64Range(1, 3).Draw(t, "target"),
				On: rapid.Bool().Draw(t, "on"), Outcome: durability.Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")),
			}
			edge := durability.Edge{From: op.Actor, To: op.Target}
			applied := op.Outcome == durability.OK || op.Outcome == durability.Unknown && rapid.Bool().Draw(t, "applied")
			if applied {
				likes[edge] = op.On
			}
			switch {
			case op.Outcome == durability.OK:
				sure[edge] = op.On
			case op.Outcome == durability.Unknown && !op.On:
				sure[edge] = false
			}
			h.Operations = append(h.Operations, op)
		}
		var s durability.State
		for edge, on := range likes {
			if on {
				s.Likes = append(s.Likes, edge)
			}
		}
		if found := durability.Check(h, s); len(found) != 0 {
			t.Fatalf("an honest platform breaks %v", found)
		}
		for i, edge := range s.Likes {
			if !sure[edge] {
				continue
			}
			forgetful := durability.State{Likes: slices.Delete(slices.Clone(s.Likes), i, i+1)}
			if len(durability.Check(h, forgetful)) == 0 {
				t.Fatalf("the loss of %v goes unseen", edge)
			}
		}
	})
}

// Whatever a cache has wrong is found when it is compared with what it copies.
func TestPlantedStaleCopyIsFound(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(*durability.State){
		"Count": func(s *durability.State) { s.Counters[0].Read = 7 },
		"Card":  func(s *durability.State) { s.Videos[0].Card = "another title" },
		"Feed":  func(s *durability.State) { s.Feeds[0].Videos = []int64{10} },
	} {
		_, before := good()
		_, after := good()
		if found := durability.CheckCaches(before, after); len(found) != 0 {
			t.Fatalf("%s: found %v in equal states", name, found)
		}
		plant(&before)
		if found := durability.CheckCaches(before, after); len(found) != 1 || found[0].Rule != "R3" {
			t.Errorf("%s: found %v", name, found)
		}
	}
}
