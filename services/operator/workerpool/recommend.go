package workerpool

import (
	"math"

	"douyin.dev/services/operator/api/v1alpha1"
)

// Load is what a pool has to do.
type Load struct {
	// Backlog is the records not committed.
	Backlog int64
	// Rate is the records a second of one busy worker; 0 when it is not known.
	Rate float64
	// Arrival is the records published a second.
	Arrival float64
	// Partitions of all topics.
	Partitions int32
	// Stalled says that nothing moves though workers are there.
	Stalled bool
}

// Bounds returns the smallest and the largest size. A worker beyond the
// partitions has nothing to read; a minimum that is declared is kept all the same.
func Bounds(spec v1alpha1.WorkerPoolSpec, partitions int32) (least, most int32) {
	return spec.MinReplicas, max(spec.MinReplicas, min(spec.MaxReplicas, partitions))
}

// Want returns how many workers the load calls for, before bounds: as many as
// work off the backlog within the target time, and no fewer than keep up with
// what arrives, so that a pool that has caught up does not fall behind again.
// current is kept when the rate is not known or the group is stalled: then more
// workers would be a guess, and fewer too.
func Want(targetSeconds int32, load Load, current int32) int32 {
	switch {
	case load.Stalled, load.Backlog > 0 && load.Rate <= 0:
		return max(current, 1)
	case load.Rate <= 0:
		return 0
	}
	need := max(workers(float64(load.Backlog), load.Rate*float64(targetSeconds)), workers(load.Arrival, load.Rate))
	if load.Backlog > 0 {
		need = max(need, 1)
	}
	return need
}

// workers is work over what one does, rounded up, within an int32.
func workers(work, each float64) int32 {
	const hair = 1e-9 // what division adds to a whole number
	return int32(min(math.Ceil(work/each-hair), math.MaxInt32))
}

// Recommend returns the size for a load within the bounds.
func Recommend(spec v1alpha1.WorkerPoolSpec, load Load, current int32) (size, want int32) {
	want = Want(spec.TargetSeconds, load, current)
	least, most := Bounds(spec, load.Partitions)
	return min(max(want, least), most), want
}

// Shrink bounds how far a pool goes down: workers that are busy, or do not say,
// stay. It returns target when that is more than current.
func Shrink(current, target, busy int32) int32 {
	return max(target, min(current, busy))
}
