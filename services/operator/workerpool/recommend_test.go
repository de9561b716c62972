package workerpool

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"douyin.dev/services/operator/api/v1alpha1"
)

func spec(least, most, target int32) v1alpha1.WorkerPoolSpec {
	return v1alpha1.WorkerPoolSpec{MinReplicas: least, MaxReplicas: most, TargetSeconds: target}
}

func TestRecommend(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		least, most int32
		load        Load
		current     int32
		want        int32
	}{
		"nothing to do":                    {1, 8, Load{Partitions: 8, Rate: 10}, 4, 1},
		"nothing to do, down to none":      {0, 8, Load{Partitions: 8, Rate: 10}, 4, 0},
		"one record wakes a worker":        {0, 8, Load{Backlog: 1, Partitions: 8, Rate: 10}, 0, 1},
		"exactly three workers' time":      {1, 8, Load{Backlog: 900, Partitions: 8, Rate: 10}, 1, 3},
		"a record more":                    {1, 8, Load{Backlog: 901, Partitions: 8, Rate: 10}, 1, 4},
		"no more than allowed":             {1, 8, Load{Backlog: 1e9, Partitions: 80, Rate: 10}, 1, 8},
		"no more than partitions":          {1, 8, Load{Backlog: 1e9, Partitions: 3, Rate: 10}, 1, 3},
		"a minimum beyond the partitions":  {5, 8, Load{Backlog: 1e9, Partitions: 3, Rate: 10}, 1, 5},
		"keeps up with what arrives":       {1, 8, Load{Backlog: 10, Partitions: 8, Rate: 10, Arrival: 25}, 1, 3},
		"rate never measured, work there":  {1, 8, Load{Backlog: 1e6, Partitions: 8}, 2, 2},
		"rate never measured, from none":   {0, 8, Load{Backlog: 5, Partitions: 8}, 0, 1},
		"rate never measured, nothing":     {1, 8, Load{Partitions: 8, Arrival: 3}, 4, 1},
		"stalled keeps its size":           {1, 8, Load{Backlog: 1e6, Partitions: 8, Rate: 10, Stalled: true}, 3, 3},
		"stalled and too many for the max": {1, 2, Load{Backlog: 1e6, Partitions: 8, Rate: 10, Stalled: true}, 3, 2},
		"a rate next to nothing":           {1, 8, Load{Backlog: 1e9, Partitions: 8, Rate: 1e-9}, 1, 8},
	} {
		if got, _ := Recommend(spec(tt.least, tt.most, 30), tt.load, tt.current); got != tt.want {
			t.Errorf("%s: %d workers, want %d", name, got, tt.want)
		}
	}
}

func anyLoad(t *rapid.T) Load {
	return Load{
		Backlog: rapid.Int64Range(0, 1e7).Draw(t, "backlog"), Rate: rapid.Float64Range(0, 1e4).Draw(t, "rate"),
		Arrival: rapid.Float64Range(0, 1e5).Draw(t, "arrival"), Partitions: rapid.Int32Range(0, 64).Draw(t, "partitions"),
		Stalled: rapid.Bool().Draw(t, "stalled"),
	}
}

func anySpec(t *rapid.T) v1alpha1.WorkerPoolSpec {
	most := rapid.Int32Range(1, 50).Draw(t, "max")
	return spec(rapid.Int32Range(0, most).Draw(t, "min"), most, rapid.Int32Range(1, 600).Draw(t, "target"))
}

func TestARecommendationIsWithinBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, load := anySpec(t), anyLoad(t)
		got, _ := Recommend(s, load, rapid.Int32Range(0, 100).Draw(t, "current"))
		if got < s.MinReplicas || got > s.MaxReplicas || got > max(load.Partitions, s.MinReplicas) {
			t.Fatalf("%d workers", got)
		}
		if load.Backlog > 0 && got == 0 && load.Partitions > 0 {
			t.Fatal("nobody works on a backlog")
		}
	})
}

func TestMoreBacklogNeverWantsFewerWorkers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, load := anySpec(t), anyLoad(t)
		current := rapid.Int32Range(0, 50).Draw(t, "current")
		before, _ := Recommend(s, load, current)
		load.Backlog += rapid.Int64Range(0, 1e7).Draw(t, "more")
		if after, _ := Recommend(s, load, current); after < before {
			t.Fatalf("%d workers after %d", after, before)
		}
	})
}

func TestEnoughWorkersMeetTheTarget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		load := Load{Backlog: rapid.Int64Range(1, 1e7).Draw(t, "backlog"), Rate: rapid.Float64Range(0.1, 1e4).Draw(t, "rate")}
		target := rapid.Int32Range(1, 600).Draw(t, "target")
		n := float64(Want(target, load, 1))
		each := load.Rate * float64(target)
		if n*each < float64(load.Backlog)*(1-1e-6) {
			t.Fatalf("%v workers are too few", n)
		}
		if (n-1)*each > float64(load.Backlog)*(1+1e-6) {
			t.Fatalf("%v workers are too many", n)
		}
	})
}

func TestShrinkLeavesTheBusy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ current, target, busy, want int32 }{
		{4, 1, 0, 1}, {4, 1, 1, 1}, {4, 1, 3, 3}, {4, 1, 4, 4}, {4, 1, 9, 4}, {4, 0, 0, 0}, {1, 4, 0, 4}, {2, 2, 2, 2},
	} {
		if got := Shrink(tt.current, tt.target, tt.busy); got != tt.want {
			t.Errorf("Shrink(%d, %d, %d) = %d, want %d", tt.current, tt.target, tt.busy, got, tt.want)
		}
	}
}

// play feeds sizes to a Damper, one every step, and returns what the pool had.
func play(d *Damper, at time.Time, step, up, down time.Duration, current int32, sizes []int32) []int32 {
	var had []int32
	for _, s := range sizes {
		current = d.Settle(at, s, current, up, down)
		had = append(had, current)
		at = at.Add(step)
	}
	return had
}

func TestGrowsAtOnceAndShrinksWhenLessWasEnoughForTheWindow(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		up, down    time.Duration
		current     int32
		sizes, want []int32
	}{
		"up at once":               {0, 30 * time.Second, 1, []int32{4}, []int32{4}},
		"down after the window":    {0, 30 * time.Second, 4, []int32{1, 1, 1, 1}, []int32{4, 4, 4, 1}},
		"a wave starts it anew":    {0, 20 * time.Second, 4, []int32{1, 1, 3, 1, 1}, []int32{4, 4, 3, 3, 3}},
		"down to the highest":      {0, 20 * time.Second, 4, []int32{2, 1, 1, 1}, []int32{4, 4, 2, 1}},
		"a short peak is let pass": {20 * time.Second, 20 * time.Second, 1, []int32{1, 1, 1, 4, 1, 1}, []int32{1, 1, 1, 1, 1, 1}},
		"a long one is not":        {20 * time.Second, 20 * time.Second, 1, []int32{4, 3, 5}, []int32{1, 1, 3}},
		"without windows":          {0, 0, 4, []int32{1, 5, 2}, []int32{1, 5, 2}},
	} {
		got := play(&Damper{}, start, 10*time.Second, tt.up, tt.down, tt.current, tt.sizes)
		for i := range tt.want {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", name, got, tt.want)
				break
			}
		}
	}
}

func TestARestartedOperatorDoesNotShrinkOnAFirstImpression(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	d := &Damper{}
	play(d, start, 10*time.Second, 0, 30*time.Second, 4, []int32{1, 1})
	// An hour later, say after a pause of the machine, it begins anew.
	if got := d.Settle(start.Add(time.Hour), 1, 4, 0, 30*time.Second); got != 4 {
		t.Errorf("%d workers, want 4", got)
	}
}

// However the recommendations jump: the pool shrinks only to what was enough for
// the whole window, so it cannot go up and down within one.
func TestNoFlappingUnderNoise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const step, down = 5 * time.Second, 60 * time.Second
		sizes := rapid.SliceOfN(rapid.Int32Range(1, 9), 1, 200).Draw(t, "sizes")
		had := play(&Damper{}, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), step, 0, down, 5, sizes)
		before, lastUp := int32(5), -1
		for i, n := range had {
			if n < sizes[i] {
				t.Fatalf("look %d: %d workers where %d are needed", i, n, sizes[i])
			}
			switch {
			case n > before:
				lastUp = i
			case n < before:
				if lastUp >= 0 && time.Duration(i-lastUp)*step <= down {
					t.Fatalf("look %d: down %d looks after an up", i, i-lastUp)
				}
				for j := max(i-int(down/step), 0); j <= i; j++ {
					if sizes[j] > n {
						t.Fatalf("look %d: %d workers, and %d were needed %d looks before", i, n, sizes[j], i-j)
					}
				}
			}
			before = n
		}
	})
}
