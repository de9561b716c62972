package bus

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"pgregory.net/rapid"
)

func TestSpreadIsEvenOverAllTopics(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		topics := rapid.IntRange(1, 8).Draw(t, "topics")
		memberCount := rapid.IntRange(1, 6).Draw(t, "members")
		var names []string
		var partitions []kafka.Partition
		for i := range topics {
			name := fmt.Sprint("t", i)
			names = append(names, name)
			for p := range rapid.IntRange(1, 5).Draw(t, "partitions") {
				partitions = append(partitions, kafka.Partition{Topic: name, ID: p})
			}
		}
		var members []kafka.GroupMember
		for i := range memberCount {
			members = append(members, kafka.GroupMember{ID: fmt.Sprint("m", i), Topics: names})
		}
		got := (&spread{}).AssignGroups(members, partitions)
		seen := map[string]int{}
		least, most := len(partitions), 0
		for _, m := range members {
			n := 0
			for topic, ps := range got[m.ID] {
				for _, p := range ps {
					seen[fmt.Sprint(topic, "/", p)]++
					n++
				}
			}
			least, most = min(least, n), max(most, n)
		}
		if len(seen) != len(partitions) || most-least > 1 {
			t.Fatalf("%d of %d partitions assigned, between %d and %d a member", len(seen), len(partitions), least, most)
		}
		for p, times := range seen {
			if times != 1 {
				t.Fatalf("%s is assigned %d times", p, times)
			}
		}
	})
}

func TestSpreadGivesTopicsOnlyToTheirSubscribers(t *testing.T) {
	t.Parallel()
	got := (&spread{}).AssignGroups(
		[]kafka.GroupMember{{ID: "b", Topics: []string{"y"}}, {ID: "a", Topics: []string{"x"}}, {ID: "c", Topics: []string{"x", "y"}}},
		[]kafka.Partition{{Topic: "y", ID: 0}, {Topic: "x", ID: 1}, {Topic: "x", ID: 0}})
	want := kafka.GroupMemberAssignments{"a": {"x": {0}}, "b": {"y": {0}}, "c": {"x": {1}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReplayedRemembersEachLetterOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r replayed
		model := map[int64]bool{}
		for _, letter := range rapid.SliceOf(rapid.Int64Range(0, 30)).Draw(t, "letters") {
			r.add(letter)
			model[letter] = true
		}
		for letter := range int64(32) {
			if r.has(letter) != model[letter] {
				t.Fatalf("has(%d) = %v with %+v", letter, r.has(letter), r)
			}
		}
		for i, a := range r.Ahead {
			if a[0] <= r.Next || a[0] >= a[1] || i > 0 && a[0] <= r.Ahead[i-1][1] {
				t.Fatalf("runs are not minimal: %+v", r)
			}
		}
	})
}

func TestReasonNeverQuotesTheMessage(t *testing.T) {
	t.Parallel()
	m := Message{Value: []byte("a private message")}
	for text, want := range map[string]string{
		"unknown wire type":              "unknown wire type",
		`cannot parse "private message"`: "withheld: the error quotes the message",
		strings.Repeat("x", 400):         strings.Repeat("x", reasonBytes),
	} {
		if got := reason(errors.New(text), m); got != want {
			t.Errorf("reason(%.40q) = %.40q, want %.40q", text, got, want)
		}
	}
}

func TestPoisonIsFoundInTheChain(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	err := errors.Join(errors.New("other"), fmt.Errorf("apply: %w", Poison(cause)))
	if !IsPoison(err) || !errors.Is(err, cause) {
		t.Error("poison is lost in the chain")
	}
	if IsPoison(cause) || Poison(nil) != nil {
		t.Error("poison where none is")
	}
}

func TestBackoffGrowsToItsMaximum(t *testing.T) {
	t.Parallel()
	b := backoff{min: time.Microsecond, max: 5 * time.Microsecond}
	var got []time.Duration
	for range 5 {
		b.wait(t.Context())
		got = append(got, b.next)
	}
	want := []time.Duration{1000, 2000, 4000, 5000, 5000}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOutdatedComparesOnlyWhatTheLeaderKnows(t *testing.T) {
	t.Parallel()
	counts := map[string]int{"a": 3}
	for _, tt := range []struct {
		assigned map[string]int
		want     bool
	}{
		{nil, false},
		{map[string]int{"a": 3, "others": 1}, false},
		{map[string]int{"a": 2}, true},
		{map[string]int{}, true},
	} {
		if got := outdated(tt.assigned, counts); got != tt.want {
			t.Errorf("outdated(%v) = %v", tt.assigned, got)
		}
	}
}

func TestCommandNeedsOneOfOffsetAndAll(t *testing.T) {
	t.Parallel()
	for args, valid := range map[string]bool{
		"list":                              true,
		"list --topic t":                    true,
		"replay --topic t --all":            true,
		"replay --topic t --offset 0":       true,
		"replay --topic t":                  false,
		"replay --all":                      false,
		"replay --topic t --all --offset 1": false,
	} {
		parser, err := kong.New(&DeadLetterCommand{}, kong.Writers(&bytes.Buffer{}, &bytes.Buffer{}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(strings.Fields(args)); (err == nil) != valid {
			t.Errorf("%s: %v", args, err)
		}
	}
}
