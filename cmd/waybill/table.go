package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table aligns columns for people; programs take --json.
type table struct {
	w    *tabwriter.Writer
	rows int // beside the head
}

func newTable(w io.Writer, columns ...string) *table {
	t := &table{w: tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)}
	t.row(columns...)
	t.rows = 0
	return t
}

func (t *table) row(cells ...string) {
	t.rows++
	for i, c := range cells {
		if c == "" {
			c = "-"
		}
		// A cell is someone's text: what would move the terminal's cursor is shown, not obeyed.
		cells[i] = printable(c)
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t *table) flush() error { return t.w.Flush() }

// printable replaces control characters, which a terminal would act on.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '�'
		}
		return r
	}, s)
}

// facts prints name and value pairs, one a line, values aligned and empty ones left out.
func facts(w io.Writer, pairs ...string) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", pairs[i], printable(pairs[i+1]))
		}
	}
	return t.Flush()
}
