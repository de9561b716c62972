package telemetry

import (
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// listed is how many traces the list shows.
	listed = 100
	// barWidth of the text waterfall, in characters.
	barWidth = 40
)

// Handler serves /traces, the list, and /traces/{id}, a waterfall:
// ?format=text gives one for a terminal or a document. Both are for the
// private port.
func (r *Ring) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /traces", r.serveList)
	mux.HandleFunc("GET /traces/{$}", r.serveList)
	mux.HandleFunc("GET /traces/{id}", r.serveTrace)
	return mux
}

func (r *Ring) serveList(w http.ResponseWriter, _ *http.Request) {
	all := r.traces()
	if len(all) > listed {
		all = all[:listed]
	}
	items := make([]listItem, 0, len(all))
	for _, t := range all {
		items = append(items, listItem{
			ID: t.id.String(), Name: t.rows[0].name, Start: t.start.UTC().Format("15:04:05.000"),
			Took: short(t.took), Spans: len(t.rows), Failed: t.failed(),
		})
	}
	render(w, listPage, items)
}

func (r *Ring) serveTrace(w http.ResponseWriter, req *http.Request) {
	t, ok := r.find(req.PathValue("id"))
	if !ok {
		http.Error(w, "no span of this trace is kept here", http.StatusNotFound)
		return
	}
	if req.URL.Query().Get("format") == "text" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_ = writeText(w, t)
		return
	}
	render(w, tracePage, viewOf(t))
}

// render writes a page that runs no script and loads nothing.
func render(w http.ResponseWriter, page *template.Template, value any) {
	var out strings.Builder
	if err := page.Execute(&out, value); err != nil {
		http.Error(w, "page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, out.String())
}

// writeText writes a waterfall of aligned columns: name, bar, duration.
func writeText(w io.Writer, t one) error {
	names := make([]string, len(t.rows))
	width := 0
	for i, r := range t.rows {
		names[i] = strings.Repeat("  ", r.depth) + r.name
		width = max(width, utf8.RuneCountInString(names[i]))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "trace %s  %s  %d spans  %s\n\n", t.id, t.start.UTC().Format(time.RFC3339), len(t.rows), short(t.took))
	for i, r := range t.rows {
		left, wide := bar(t, r, barWidth)
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(names[i]))
		line := strings.Repeat(" ", left) + strings.Repeat("█", wide) + strings.Repeat(" ", barWidth-left-wide)
		mark := ""
		if r.span.failed {
			mark = "  failed"
		}
		fmt.Fprintf(&b, "%s%s  |%s|  %8s%s\n", names[i], pad, line, short(r.took), mark)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// bar places a span on a scale of n steps; it always gets one at least.
func bar(t one, r row, n int) (left, wide int) {
	if t.took <= 0 {
		return 0, n
	}
	left = min(int(float64(r.offset)/float64(t.took)*float64(n)), n-1)
	wide = int(float64(r.took)/float64(t.took)*float64(n) + 0.5)
	return left, max(1, min(wide, n-left))
}

// short gives a duration three digits or so: 820µs, 12.3ms, 1.25s.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

type listItem struct {
	ID, Name, Start, Took string
	Spans                 int
	Failed                bool
}

type traceView struct {
	ID, Start, Took string
	Rows            []rowView
}

type rowView struct {
	Name, Kind, Took  string
	Depth, Left, Wide int // Left and Wide in thousandths
	Failed            bool
	Attributes        []string
}

func viewOf(t one) traceView {
	v := traceView{ID: t.id.String(), Start: t.start.UTC().Format(time.RFC3339Nano), Took: short(t.took)}
	for _, r := range t.rows {
		left, wide := bar(t, r, 1000)
		item := rowView{Name: r.name, Kind: r.kind.String(), Took: short(r.took), Depth: r.depth, Left: left, Wide: wide, Failed: r.span.failed}
		for _, a := range r.attributes {
			item.Attributes = append(item.Attributes, string(a.Key)+" = "+a.Value.String())
		}
		v.Rows = append(v.Rows, item)
	}
	return v
}

const style = `<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 15%, transparent); --bar: #2f7de1; --bad: #d6336c }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.2rem; font-weight: 600 } a { color: inherit } code, td.n { font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100% } td, th { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left }
td.n, th.n { text-align: right; white-space: nowrap } .bad { color: var(--bad) }
.row { display: grid; grid-template-columns: 24rem 1fr 6rem; gap: .8rem; border-bottom: 1px solid var(--line); padding: .25rem 0 }
summary { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; cursor: pointer }
.track { position: relative; height: .8rem; margin-top: .3rem } .track i { position: absolute; height: 100%; background: var(--bar); border-radius: 2px; min-width: 2px }
.bad .track i { background: var(--bad) } .took { text-align: right } pre { margin: .3rem 0; white-space: pre-wrap; font-size: 12px; opacity: .8 }
</style>`

var listPage = template.Must(template.New("list").Parse(`<!doctype html><html lang="en"><title>Traces</title>` + style + `
<h1>Newest traces</h1>
{{if .}}<table><tr><th>began<th>first span<th class="n">spans<th class="n">took</tr>
{{range .}}<tr{{if .Failed}} class="bad"{{end}}><td class="n">{{.Start}}<td><a href="/traces/{{.ID}}">{{.Name}}</a>{{if .Failed}} (failed){{end}}<td class="n">{{.Spans}}<td class="n">{{.Took}}</tr>
{{end}}</table>{{else}}<p>No span was recorded yet.</p>{{end}}
`))

var tracePage = template.Must(template.New("trace").Funcs(template.FuncMap{
	"percent": func(thousandths int) string { return fmt.Sprintf("%d.%d", thousandths/10, thousandths%10) },
}).Parse(`<!doctype html><html lang="en"><title>Trace {{.ID}}</title>` + style + `
<p><a href="/traces">Newest traces</a></p><h1>Trace <code>{{.ID}}</code></h1>
<p>{{.Start}}, took {{.Took}}. <a href="?format=text">As text</a></p>
{{range .Rows}}<div class="row{{if .Failed}} bad{{end}}"><details style="padding-left:{{.Depth}}em"><summary>{{.Name}}</summary><pre>{{.Kind}}
{{range .Attributes}}{{.}}
{{end}}</pre></details><div class="track"><i style="left:{{percent .Left}}%;width:{{percent .Wide}}%"></i></div><div class="took">{{.Took}}</div></div>
{{end}}`))
