package chart

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Stack is calls inside each other, outermost first, and the time spent in the innermost.
type Stack struct {
	Frames  []string
	Seconds float64
}

// frame is a call in its place.
type frame struct {
	name   string
	total  float64
	inside map[string]*frame
}

func (f *frame) add(frames []string, seconds float64) {
	f.total += seconds
	if len(frames) == 0 {
		return
	}
	next := f.inside[frames[0]]
	if next == nil {
		next = &frame{name: frames[0], inside: map[string]*frame{}}
		f.inside[frames[0]] = next
	}
	next.add(frames[1:], seconds)
}

func (f *frame) depth(least float64) int {
	deepest := 0
	for _, next := range f.inside {
		if next.total >= least {
			deepest = max(deepest, next.depth(least))
		}
	}
	return deepest + 1
}

const (
	flameWidth = 1200
	flameRow   = 16
	// flameLeast is the share of the whole below which a call is left out: half a pixel's fraction of a screen.
	flameLeast = 0.004
)

// Flame draws stacks as a flame graph, the outermost call on top. Hover shows a call's whole name and share.
func Flame(out io.Writer, title string, stacks []Stack) error {
	root := &frame{name: "all", inside: map[string]*frame{}}
	for _, s := range stacks {
		root.add(s.Frames, s.Seconds)
	}
	least := root.total * flameLeast
	d := newDrawing(flameWidth, 40+flameRow*root.depth(least)+8, title)
	if root.total > 0 {
		d.flame(root, 8, 36, (flameWidth-16)/root.total, root.total, least)
	}
	return d.write(out)
}

func (d *drawing) flame(f *frame, x, y, scale, all, least float64) {
	width := f.total * scale
	name := short(f.name)
	d.rect(x, y, max(width-0.5, 0.5), flameRow-1, flameColour(f.name), fmt.Sprintf("%s %.1f %%", f.name, 100*f.total/all))
	if room := int(width / 6.2); room > 3 {
		if len(name) > room {
			name = name[:room-1] + "…"
		}
		d.text(x+2, y+11, "start", "#111111", name, 10)
	}
	inside := slices.SortedFunc(maps.Values(f.inside), func(a, b *frame) int { return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(a.name, b.name)) })
	for _, next := range inside {
		if next.total >= least {
			d.flame(next, x, y+flameRow, scale, all, least)
			x += next.total * scale
		}
	}
}

// short leaves the last element of a path: "pgx/v5.(*Conn).Query" of "github.com/jackc/pgx/v5.(*Conn).Query".
func short(name string) string {
	if bracket := strings.IndexByte(name, '['); bracket > 0 {
		name = name[:bracket] // type arguments
	}
	slash := strings.LastIndexByte(name, '/')
	if slash >= 0 && slash+2 < len(name) && name[slash+1] == 'v' && name[slash+2] <= '9' {
		slash = strings.LastIndexByte(name[:slash], '/') // a version is no name
	}
	return name[slash+1:]
}

// flameColour tells kinds of code apart: ours, the Go runtime, its library, others'.
func flameColour(name string) string {
	switch {
	case strings.HasPrefix(name, "douyin.dev/"):
		return "#8ecae6"
	case strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "internal/"):
		return "#e5989b"
	case strings.Contains(name, "opentelemetry") || strings.Contains(name, "otel"):
		return "#cdb4db"
	case !strings.Contains(strings.SplitN(name, "/", 2)[0], "."):
		return "#ffd166"
	case strings.Contains(name, "/"):
		return "#b7e4c7"
	default:
		return "#ffd166"
	}
}

// Top lists the calls that took most, themselves and with what they called.
func Top(out io.Writer, title string, stacks []Stack, most int) error {
	type cost struct{ self, whole float64 }
	costs, all := map[string]*cost{}, 0.0
	for _, s := range stacks {
		all += s.Seconds
		seen := map[string]bool{}
		for i, name := range s.Frames {
			if costs[name] == nil {
				costs[name] = &cost{}
			}
			if !seen[name] {
				costs[name].whole += s.Seconds
				seen[name] = true
			}
			if i == len(s.Frames)-1 {
				costs[name].self += s.Seconds
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%.2f s sampled\n", title, all)
	for _, by := range []struct {
		name string
		of   func(*cost) float64
	}{{"itself", func(c *cost) float64 { return c.self }}, {"with what it calls", func(c *cost) float64 { return c.whole }}} {
		fmt.Fprintf(&b, "\n%s\n", by.name)
		names := slices.SortedFunc(maps.Keys(costs), func(x, y string) int {
			return cmp.Or(cmp.Compare(by.of(costs[y]), by.of(costs[x])), cmp.Compare(x, y))
		})
		for _, name := range names[:min(len(names), most)] {
			fmt.Fprintf(&b, "%6.2f %%  %s\n", 100*by.of(costs[name])/max(all, 1e-9), name)
		}
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("write list: %w", err)
	}
	return nil
}
