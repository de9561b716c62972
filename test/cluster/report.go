package cluster

import (
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
)

// report is the figures of a run, in the order in which they came.
type report struct {
	mu   sync.Mutex
	rows [][3]string
}

// add notes a figure beside what it shall be.
func (r *report) add(what, bar, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, [3]string{what, fmt.Sprintf(format, args...), bar})
}

// print writes the table, to a file as well when one is named.
func (r *report) print(to io.Writer, file string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nwhat\tmeasured\tbar")
	page := "| what | measured | bar |\n|---|---|---|\n"
	for _, row := range r.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\n", row[0], row[1], row[2])
		page += fmt.Sprintf("| %s | %s | %s |\n", row[0], row[1], row[2])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if file == "" {
		return nil
	}
	return os.WriteFile(file, []byte(page), 0o644)
}
