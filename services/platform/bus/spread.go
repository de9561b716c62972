package bus

import (
	"cmp"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go"
)

// spread gives the members of a group equal numbers of partitions over all
// topics. The balancers of kafka-go count each topic by itself: with many
// topics of few partitions the first member gets nearly everything.
type spread struct {
	mu sync.Mutex
	// assigned is how many partitions each topic had in the last assignment made here.
	assigned map[string]int
}

// ProtocolName implements kafka.GroupBalancer.
func (s *spread) ProtocolName() string { return "douyin-spread" }

// UserData implements kafka.GroupBalancer.
func (s *spread) UserData() ([]byte, error) { return nil, nil }

// AssignGroups implements kafka.GroupBalancer. Only the leader's is called.
func (s *spread) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	members = slices.SortedFunc(slices.Values(members), func(a, b kafka.GroupMember) int { return cmp.Compare(a.ID, b.ID) })
	partitions = slices.SortedFunc(slices.Values(partitions), func(a, b kafka.Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID))
	})
	out, load, counts := kafka.GroupMemberAssignments{}, map[string]int{}, map[string]int{}
	for _, m := range members {
		out[m.ID] = map[string][]int{} // also for those that get nothing
	}
	for _, p := range partitions {
		counts[p.Topic]++
		best := ""
		for _, m := range members {
			if slices.Contains(m.Topics, p.Topic) && (best == "" || load[m.ID] < load[best]) {
				best = m.ID
			}
		}
		if best != "" {
			load[best]++
			out[best][p.Topic] = append(out[best][p.Topic], p.ID)
		}
	}
	s.mu.Lock()
	s.assigned = counts
	s.mu.Unlock()
	return out
}

// takeAssigned returns the partitions per topic this member assigned for the
// generation that begins, or nil when another member leads.
func (s *spread) takeAssigned() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.assigned
	s.assigned = nil
	return counts
}
