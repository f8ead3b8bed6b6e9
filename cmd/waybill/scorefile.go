package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	csvtable "github.com/waybill-dev/waybill/analytics/table"
)

func (a *app) scoreFile(cmd *cobra.Command, f *scoreFlags, file string) (err error) {
	ctx, cancel := a.within(cmd.Context())
	defer cancel()
	in, err := openInput(file, cmd.InOrStdin())
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	counted := &countingReader{r: in}
	if file == stdinName {
		counted.r = newPatientReader(ctx, in)
	}
	r, err := a.openTable(cmd, f, file, counted)
	if err != nil {
		return err
	}
	plan, err := f.plan(r, file)
	if err != nil {
		return err
	}
	scorer, err := csvtable.NewScorer(r, plan)
	if err != nil {
		return fileFailure(file, err)
	}
	out, err := createOutput(f.out, in, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	began := time.Now()
	run := &scoring{app: a, cmd: cmd, file: file, reader: r, scorer: scorer, passed: len(r.Passed())}
	run.bar = newProgress(cmd.ErrOrStderr(), a.quiet || out.terminal, "scoring", sizeOf(in), unitBytes, "rows")
	counted.each = run.bar.add
	err = run.all(ctx, out)
	run.bar.finish()
	if err = errors.Join(err, out.close(err == nil)); err != nil {
		if out.partial != "" && !a.quiet {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: what was scored before it ended is in %s\n", file, out.partial)
		}
		return fileFailure(file, err)
	}
	return run.end(time.Since(began))
}

// scoring follows what becomes of a file's rows.
type scoring struct {
	app    *app
	cmd    *cobra.Command
	file   string
	reader *csvtable.Reader
	scorer *csvtable.Scorer
	bar    *progress
	faults int
	passed int // columns told of
}

// shownFaults is how many refused rows are named.
const shownFaults = 10

func (s *scoring) all(ctx context.Context, out io.Writer) error {
	w, err := csvtable.NewWriter(out, s.reader, csvtable.Added()...)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return errors.Join(ctx.Err(), w.Flush())
		}
		if s.reader.Idle() { // what is scored is not kept back while more is waited for
			if err = w.Flush(); err != nil {
				return err
			}
		}
		row, err := s.scorer.Next()
		if errors.Is(err, io.EOF) {
			return w.Flush()
		}
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		s.bar.addExtra(1)
		if row.Fault != nil {
			if s.faults++; s.faults <= shownFaults {
				if err = s.app.writeFault(s.cmd.ErrOrStderr(), faultsOf(s.file, nil, row.Fault)[0]); err != nil {
					return err
				}
			}
		}
		cells := row.Cells()
		if err = w.Row(row.Row, cells[:]...); err != nil {
			return err
		}
	}
}

// end tells what became of the file.
func (s *scoring) end(took time.Duration) error {
	sum := s.scorer.Summary()
	w := s.cmd.ErrOrStderr()
	if late := s.reader.Passed()[s.passed:]; len(late) > 0 && !s.app.quiet && !s.app.json {
		for _, p := range late {
			fmt.Fprintf(w, "%s: not scored: %s (%s; --channels scores it)\n", s.file, printable(strconv.Quote(p.Name)), p.Why)
		}
	}
	if !s.app.quiet {
		if err := s.tell(w, sum, took); err != nil {
			return err
		}
	}
	if sum.Refused > 0 {
		return refused("%s of %d refused", count(sum.Refused, "row"), sum.Rows)
	}
	return nil
}

func (s *scoring) tell(w io.Writer, sum csvtable.Summary, took time.Duration) error {
	if s.app.json {
		return writeJSON(w, struct {
			csvtable.Summary
			Seconds float64 `json:"seconds"`
		}{sum, took.Seconds()})
	}
	if s.faults > shownFaults {
		fmt.Fprintf(w, "%s: and %s more\n", s.file, count(s.faults-shownFaults, "row"))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s scored", s.file, count(sum.Scored, "row"))
	if sum.Series > 1 {
		fmt.Fprintf(&text, " of %d series", sum.Series)
	}
	for _, c := range []struct {
		n    int64
		what string
	}{{sum.Missing, "without a value"}, {sum.Repeated, "with the time of the row before"}} {
		if c.n > 0 {
			fmt.Fprintf(&text, ", %d %s", c.n, c.what)
		}
	}
	fmt.Fprintf(w, "%s, %s, in %.1f s\n", text.String(), count(sum.Alarms, "alarm"), took.Seconds())
	for _, alarm := range sum.First {
		series := ""
		if alarm.Series != "" {
			series = " of " + strconv.Quote(alarm.Series)
		}
		fmt.Fprintf(w, "  line %d%s, %s: %s, score %.3f, p %.2g\n", alarm.Line, series, alarm.Time, printable(alarm.Reason), alarm.Score, alarm.P)
	}
	if more := sum.Alarms - int64(len(sum.First)); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
	return nil
}

// output is where rows go: standard output, or a file that takes its name when it is whole.
type output struct {
	io.Writer
	file     *os.File // nil: standard output
	name     string
	terminal bool
	partial  string // what was left behind
}

// createOutput opens the file to write. It must not be the one that is read.
func createOutput(name string, in io.Reader, stdout io.Writer) (*output, error) {
	if name == "" || name == stdinName {
		f, ok := stdout.(*os.File)
		return &output{Writer: stdout, terminal: ok && term.IsTerminal(int(f.Fd()))}, nil
	}
	if sameFile(in, name) {
		return nil, usage("--out names the file that is read")
	}
	switch info, err := os.Stat(name); {
	case err == nil && info.IsDir():
		return nil, fail(exitRefused, codeFile, "", "%s is a folder", name)
	case err == nil && !info.Mode().IsRegular(): // a pipe or a device is written as it is
		f, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // the user names the file
		if err != nil {
			return nil, fail(exitRefused, codeFile, "", "%w", err)
		}
		return &output{Writer: f, file: f}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			err = path.Err // the name of the temporary file is nobody's business
		}
		return nil, fail(exitRefused, codeFile, "", "%s cannot be written: %w", name, err)
	}
	return &output{Writer: f, file: f, name: name}, nil
}

// sameFile tells whether the name is that of the open file.
func sameFile(in io.Reader, name string) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	own, err := f.Stat()
	if err != nil {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && os.SameFile(own, info)
}

// close gives a whole file its name, and what was written of another one the name with .partial behind it.
func (o *output) close(whole bool) error {
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	if o.name == "" {
		return err
	}
	to := o.name
	if !whole || err != nil {
		to += ".partial"
		o.partial = to
	}
	return errors.Join(err, os.Chmod(o.file.Name(), 0o644), os.Rename(o.file.Name(), to)) //nolint:gosec // as any file that a command writes, whom the umask of a temporary file would shut out
}
