package result

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Soak is the memory of the platform while it answers for long.
type Soak struct {
	Mode     string  `json:"mode"`
	Redis    string  `json:"redis"`
	Requests int64   `json:"requests"`
	Seconds  float64 `json:"seconds"`
	// Looks are in the order of time: before the first request, then after every round of scenarios.
	Looks []Look `json:"looks"`
}

// Look is the memory after a number of requests.
type Look struct {
	Requests  int64     `json:"requests"`
	Processes []Process `json:"processes"`
}

// Flat is how much more memory there may be in the last quarter of the requests than in the second.
const Flat = 1.1

// others are processes that are not Go's: their memory is configured, not ours.
var others = []string{"bench", "ffmpeg", "postgres", "redis-server", "valkey-server"}

// Go is the memory of the Go processes, in MiB (PSS).
func (l *Look) Go() (sum float64) {
	for _, p := range l.Processes {
		if !slices.Contains(others, p.Name) {
			sum += p.PSS
		}
	}
	return sum
}

// At returns the first look after a part of the requests, 0 to 1.
func (s *Soak) At(part float64) *Look {
	for i := range s.Looks {
		if float64(s.Looks[i].Requests) >= part*float64(s.Requests) {
			return &s.Looks[i]
		}
	}
	return &s.Looks[len(s.Looks)-1]
}

// Growth is the memory of the Go processes over the last quarter, at most, over
// what it was at most in the second quarter: a heap breathes between two collections.
func (s *Soak) Growth() float64 {
	second, last := s.most(0.25, 0.5), s.most(0.75, 1)
	if second == 0 {
		return 0
	}
	return last / second
}

// most is the largest memory between two parts of the requests.
func (s *Soak) most(from, to float64) (most float64) {
	for i := range s.Looks {
		part := float64(s.Looks[i].Requests) / float64(max(s.Requests, 1))
		if part >= from && part <= to {
			most = max(most, s.Looks[i].Go())
		}
	}
	return most
}

// WriteSoak prints it, for people.
func WriteSoak(out io.Writer, s *Soak) error {
	var b strings.Builder
	writeSoak(&b, s)
	_, err := io.WriteString(out, b.String())
	return err
}

// soakParts are where the table looks.
var soakParts = []float64{0, 0.25, 0.5, 0.75, 1}

func writeSoak(b *strings.Builder, s *Soak) {
	fmt.Fprintf(b, "\n%d requests in %.0f minutes, %s, Redis: %s. Memory in MiB (PSS):\n\n| after requests |", s.Requests, s.Seconds/60, s.Mode, s.Redis)
	last := s.At(1)
	for _, p := range last.Processes {
		fmt.Fprintf(b, " %s |", p.Name)
	}
	b.WriteString(" **Go processes** |\n|--:|" + strings.Repeat("--:|", len(last.Processes)+1) + "\n")
	for _, part := range soakParts {
		l := s.At(part)
		fmt.Fprintf(b, "| %d |", l.Requests)
		for _, p := range last.Processes {
			i := slices.IndexFunc(l.Processes, func(o Process) bool { return o.Name == p.Name })
			if i < 0 {
				b.WriteString(" |")
				continue
			}
			fmt.Fprintf(b, " %.0f |", l.Processes[i].PSS)
		}
		fmt.Fprintf(b, " **%.0f** |\n", l.Go())
	}
	fmt.Fprintf(b, "\nAt most in the last quarter over at most in the second: %.2f (may be %.1f).\n", s.Growth(), Flat)
}
