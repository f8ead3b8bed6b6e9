package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	csvtable "github.com/waybill-dev/waybill/analytics/table"
)

// fileFailure is the failure of a file that cannot be read as a table, with what to do.
func fileFailure(file string, err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	code := stableCode.FindString(err.Error())
	if code == "" || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return fail(exitRefused, codeFile, "", "%s: %w", file, err)
	}
	hint := ""
	switch {
	case errors.Is(err, csvtable.ErrColumns):
		hint = "say what the columns are with --time, --every, --by, --channels, --ignore or --temperature"
	case errors.Is(err, csvtable.ErrOrder):
		hint = "sort the file; name the column that tells loggers apart with --by; or take the rows as they come with --clock-steps"
	case errors.Is(err, csvtable.ErrGap):
		hint = "set the clock right in the file, or take any silence with --max-gap 0"
	case errors.Is(err, csvtable.ErrTime) && strings.Contains(err.Error(), "day from the month"):
		hint = "say how dates are written with --dates dmy or --dates mdy"
	case errors.Is(err, csvtable.ErrSeries):
		hint = "cut the file, or name another column with --by; --by none takes it as one series"
	case errors.Is(err, csvtable.ErrValue), errors.Is(err, csvtable.ErrTime), errors.Is(err, csvtable.ErrWidth):
		hint = "mend the row, leave the column out with --ignore, or pass such rows through with --keep-going"
	}
	return fail(exitRefused, code, hint, "%s: %w", file, err)
}

// openTable opens a file for scoring and says on standard error what is not scored.
func (a *app) openTable(cmd *cobra.Command, f *scoreFlags, file string, in io.Reader) (*csvtable.Reader, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	r, err := csvtable.NewReader(in, o)
	if err != nil {
		return nil, fileFailure(file, err)
	}
	return r, a.sayColumns(cmd.ErrOrStderr(), file, r)
}

// sayColumns tells how a file is read, where that is not plain.
func (a *app) sayColumns(w io.Writer, file string, r *csvtable.Reader) error {
	if a.quiet {
		return nil
	}
	passed := map[string][]string{}
	var reasons []string
	for _, p := range r.Passed() {
		if passed[p.Why] == nil {
			reasons = append(reasons, p.Why)
		}
		passed[p.Why] = append(passed[p.Why], p.Name)
	}
	if a.json {
		o := object{{"file", file}, {"channels", names(r.Channels())}}
		if r.Series() != "" {
			o = append(o, member{"by", r.Series()})
		}
		if len(reasons) > 0 {
			o = append(o, member{"not_scored", passed})
		}
		if len(r.Times()) == 0 {
			o = append(o, member{"every", r.Every().String()})
		}
		return writeJSON(w, o)
	}
	if len(reasons) == 0 && r.Series() == "" && len(r.Times()) > 0 {
		return nil
	}
	var text strings.Builder
	text.WriteString("scored: " + quotedNames(names(r.Channels())))
	if r.Series() != "" {
		text.WriteString(", a series for each " + strconv.Quote(r.Series()))
	}
	for i, why := range reasons {
		before := ", "
		if i == 0 {
			before = "; not scored: "
		}
		fmt.Fprintf(&text, "%s%s (%s)", before, quotedNames(passed[why]), why)
	}
	if len(r.Times()) == 0 {
		fmt.Fprintf(&text, "; no column holds times: rows are taken %s apart (--every)", r.Every())
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", file, printable(text.String()))
	return err
}

func names(channels []csvtable.Channel) []string {
	out := make([]string, len(channels))
	for i, c := range channels {
		out[i] = c.Name
	}
	return out
}

func quotedNames(names []string) string {
	const most = 12
	out := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		out = append(out, strconv.Quote(n))
	}
	if n := len(names) - most; n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(out, ", ")
}

// patientReader reads what may be long in coming, and ends with its context.
type patientReader struct {
	ctx  context.Context //nolint:containedctx // it is of this reader's life
	r    io.Reader
	more chan struct{} // asks for the next piece
	got  chan piece
	rest []byte
	err  error
}

type piece struct {
	data []byte
	err  error
}

func newPatientReader(ctx context.Context, r io.Reader) *patientReader {
	p := &patientReader{ctx: ctx, r: r, more: make(chan struct{}), got: make(chan piece, 1)}
	go func() { // a read that never returns ends with the process
		buffer := make([]byte, 64<<10)
		for {
			select {
			case <-p.more:
			case <-ctx.Done():
				return
			}
			n, err := r.Read(buffer)
			p.got <- piece{buffer[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return p
}

// Read gives what came, or the context's end.
func (p *patientReader) Read(to []byte) (int, error) {
	if len(p.rest) == 0 && p.err == nil {
		select {
		case p.more <- struct{}{}:
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
		select {
		case got := <-p.got:
			p.rest, p.err = got.data, got.err
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(to, p.rest)
	if p.rest = p.rest[n:]; len(p.rest) == 0 && p.err != nil {
		return n, p.err
	}
	return n, nil
}
