package main

import (
	"cmp"
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

	"github.com/waybill-dev/waybill/analytics/profile"
	"github.com/waybill-dev/waybill/analytics/score"
	csvtable "github.com/waybill-dev/waybill/analytics/table"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/picture"
)

const scoreLong = `Score a CSV file (- is standard input) row by row: the same rows come out, each as it was, with four
columns more.

  anomaly_score  0 to 1: how much speaks against the row; rank by it, 0.15 and above is worth a look
  p_value        how probable a row at least this unusual is within 50 rows of the logger's own past;
                 below some 0.001 a model's extrapolation, which wild data outdo
  alarm          1 where p_value is 0.00001 or less, or a limit of the profile is broken; told once
  reason         why, as a code such as jump_up; with several channels also which one

A row is scored by the rows before it alone, so the file may be of any size and may still grow; scores
do not depend on the unit, the origin or the names of what was measured. The first 300 rows or so, from which a
logger's usual course is learned, say nothing.

The header names the columns. Times are in the column "timestamp" or another whose name says so
(--time): 2014-04-01 00:00:00, RFC 3339, 01.04.2014 00:00, or a Unix time in seconds, milliseconds,
microseconds or nanoseconds, told apart by size; without a zone they are UTC. A file without times whose
first column numbers the rows is taken a minute a row (--every). A column that identifies a device
(device_id, mote_id, …; --by) splits the file into a series for each. All other columns of numbers are
scored together (--channels), except labels (label, is_anomaly, …), identifiers, row numbers and what
--ignore names, which are passed through as they are. Standard error tells what was not scored.

An empty cell, NA, null or - is a missing value: the row is scored by its other channels, and where there is none it
has no score and the reason "missing". What cannot be is refused, with its line: a cell of a channel
that is no finite number (WB_VALUE), a time that cannot be read (WB_TIME), that goes back
(WB_TIME_ORDER, see --clock-steps) or lies years after the one before (WB_TIME_GAP, see --max-gap), a
row with other columns than the header (WB_ROW_WIDTH). That ends the run, with exit code 1; with --keep-going
such rows come out without a score, and it ends with exit code 1 after the last one. A repeated time is scored in
the order of the file.

With --profile the limits of a product apply to the temperature: a row that breaks them has at least
the severity of the rule as its score, and an alarm where the rule is first broken.
--profile help lists the profiles; a policy file (see: waybill policies set --help) is one too.`

type scoreFlags struct {
	out       string
	profile   string
	model     string
	temp      string
	unit      string
	times     []string
	dates     string
	every     time.Duration
	by        string
	channels  []string
	ignore    []string
	delimiter string
	maxGap    time.Duration
	steps     bool
	keepGoing bool

	judge *score.Model // what model names, once it was read
}

// readFlags are those that say how a file is read.
func (f *scoreFlags) readFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.times, "time", nil, "`COLUMN` of times, or two of them: of dates and of times of day")
	flags.StringVar(&f.dates, "dates", "", "how dates with slashes are written: dmy (day first) or mdy")
	flags.DurationVar(&f.every, "every", 0, "the file has no times: its rows are this far apart")
	flags.StringVar(&f.by, "by", "", "`COLUMN` that tells loggers apart; none: the file is of one (default: the one that identifies a device)")
	flags.StringSliceVar(&f.channels, "channels", nil, "`COLUMNS` to score, and no others")
	flags.StringSliceVar(&f.ignore, "ignore", nil, "`COLUMNS` not to score")
	flags.StringVar(&f.delimiter, "delimiter", "", "what separates the columns: comma, semicolon or tab (default: as the header has it)")
	flags.StringVar(&f.temp, "temperature", "", "`COLUMN` that the profile limits (default: the one whose name says temperature)")
	flags.StringVar(&f.unit, "unit", "", "its unit: celsius, fahrenheit, kelvin (default: the one in its name, else celsius)")
	flags.StringVar(&f.profile, "profile", "", "product `PROFILE`, or a file with one policy: its limits apply; help lists them")
	flags.StringVar(&f.model, "model", "", "model artefact `FILE` (default: the one that ships)")
	flags.DurationVar(&f.maxGap, "max-gap", csvtable.DefaultMaxGap, "longest silence of a logger that is taken; 0: any")
	flags.BoolVar(&f.steps, "clock-steps", false, "take times that go back: the logger's clock was set")
	flags.BoolVar(&f.keepGoing, "keep-going", false, "pass rows that are refused through without a score")
}

func (a *app) newScoreCommand() *cobra.Command {
	var f scoreFlags
	cmd := &cobra.Command{
		Use:   "score FILE.csv",
		Short: "Score each row of a CSV file of readings",
		Long:  scoreLong,
		Example: `  waybill score logger.csv --out scores.csv
  waybill score logger.csv --profile refrigerated --unit fahrenheit > scores.csv
  waybill score motes.csv --every 5s --ignore indoor
  tail -f probe.csv | waybill score - | grep -v ',0,$'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 0 && f.profile == "help" {
				return nil
			}
			return fmt.Errorf("name one file, or - for standard input; %d are named", len(args))
		},
	}
	f.readFlags(cmd)
	cmd.Flags().StringVarP(&f.out, "out", "o", "", "write the rows to this `FILE` (default: standard output)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.profile == "help" {
			return a.listProfiles(cmd)
		}
		return a.scoreFile(cmd, &f, args[0])
	}
	return cmd
}

func (a *app) listProfiles(cmd *cobra.Command) error {
	if a.json {
		for _, p := range profile.All() {
			if err := writeJSON(cmd.OutOrStdout(), object{
				{"profile", p.Name},
				{"aliases", p.Aliases},
				{"goods", p.Goods},
				{"source", p.Source},
				{"low", milliDegrees(p.Policy.Low)},
				{"high", milliDegrees(p.Policy.High)},
				{"excursion_low", milliDegrees(p.Policy.ExcursionLow)},
				{"excursion_high", milliDegrees(p.Policy.ExcursionHigh)},
				{"excursion_for", millisSpan(p.Policy.ExcursionFor).String()},
				{"grace", millisSpan(p.Policy.Grace).String()},
			}); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(cmd.OutOrStdout(), "PROFILE", "RANGE", "EXCURSIONS", "FOR", "GOODS", "LIMITS")
	for _, p := range profile.All() {
		t.row(p.Name, degrees(p.Policy.Low)+" to "+degrees(p.Policy.High), degrees(p.Policy.ExcursionLow)+" to "+degrees(p.Policy.ExcursionHigh),
			millisSpan(p.Policy.ExcursionFor).String(), p.Goods, p.Source)
	}
	return t.flush()
}

// millisSpan is a number of milliseconds as a span of time.
func millisSpan(m ledger.Millis) time.Duration { return time.Duration(m) * time.Millisecond }

func milliDegrees(milli int32) float64 { return float64(milli) / 1000 }

// options gives how the file is to be read.
func (f *scoreFlags) options() (csvtable.Options, error) {
	o := csvtable.Options{Time: f.times, Every: f.every, By: f.by, Channels: f.channels, Ignore: f.ignore}
	if f.by == "none" {
		o.By, o.Whole = "", true
	}
	switch f.dates {
	case "":
	case "dmy":
		o.Dates = csvtable.DayFirst
	case "mdy":
		o.Dates = csvtable.MonthFirst
	default:
		return o, usage("--dates %q: dmy or mdy", f.dates)
	}
	switch f.delimiter {
	case "":
	case "comma", ",":
		o.Delimiter = ','
	case "semicolon", ";":
		o.Delimiter = ';'
	case "tab", "\t", `\t`:
		o.Delimiter = '\t'
	default:
		return o, usage("--delimiter %q: comma, semicolon or tab", f.delimiter)
	}
	if f.every < 0 || f.every%time.Millisecond != 0 {
		return o, usage("--every %s: whole milliseconds above 0", f.every)
	}
	if f.maxGap < 0 {
		return o, usage("--max-gap is negative")
	}
	return o, nil
}

// plan gives how the file is to be scored.
func (f *scoreFlags) plan(r *csvtable.Reader, file string) (csvtable.Plan, error) {
	p := csvtable.Plan{Temperature: -1, MaxGap: f.maxGap, ClockSteps: f.steps, KeepGoing: f.keepGoing}
	var err error
	if f.judge == nil { // one model for all files
		if f.judge, err = readModel(f.model); err != nil {
			return p, err
		}
	}
	p.Model = f.judge
	unit, err := csvtable.ParseUnit(f.unit)
	if err != nil {
		return p, usage("--unit %q: celsius, fahrenheit or kelvin", f.unit)
	}
	if f.profile == "" {
		if f.temp != "" || unit != "" {
			return p, usage("--temperature and --unit tell what a profile limits: name one with --profile")
		}
		return p, nil
	}
	if p.Policy, err = findPolicy(f.profile); err != nil {
		return p, err
	}
	if p.Temperature, err = r.Temperature(f.temp); err != nil {
		return p, fileFailure(file, err)
	}
	c := r.Channels()[p.Temperature]
	if unit != "" && c.Unit != "" && unit != c.Unit {
		return p, fail(exitRefused, codeOf(csvtable.ErrColumns), "", "%s: the temperatures are in %s by the name %q, not in %s", file, c.Unit, c.Name, unit)
	}
	p.Unit = cmp.Or(unit, c.Unit, csvtable.Celsius)
	return p, nil
}

// readModel reads a model artefact; without a name it is the one that ships.
func readModel(file string) (*score.Model, error) {
	if file == "" {
		return score.Default()
	}
	in, err := os.Open(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	raw, err := io.ReadAll(io.LimitReader(in, 64<<20))
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%s: %w", file, err)
	}
	m, err := score.ParseModel(raw)
	if err != nil {
		return nil, fail(exitRefused, codeOf(err), "a model artefact is what `waybill train` writes, unchanged", "%s: %s", file, strings.TrimPrefix(err.Error(), codeOf(err)+": "))
	}
	return m, nil
}

// findPolicy gives the policy of a profile: one that ships, or that of a file.
func findPolicy(name string) (*ledger.Policy, error) {
	if p, ok := profile.Find(name); ok {
		return &p.Policy, nil
	}
	if _, err := os.Stat(name); err != nil {
		return nil, usage("--profile %q is neither a file nor a profile: %s", name, strings.Join(profile.Names(), ", "))
	}
	policies, err := readPolicies(name, nil)
	if err != nil {
		return nil, err
	}
	if len(policies) != 1 {
		return nil, fail(exitRefused, codeInvalid, "leave the one that applies in the file", "%s: it holds %d policies", name, len(policies))
	}
	p := picture.PolicyOf(policies[0])
	if len(p.Products) == 0 {
		p.Products = []string{ledger.AnyProduct}
	}
	if err := ledger.CheckPolicy(*p); err != nil {
		return nil, fail(exitRefused, ledger.Code(err), "waybill policies set --help shows a file", "%s: %w", name, err)
	}
	return p, nil
}

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

func (a *app) scoreFile(cmd *cobra.Command, f *scoreFlags, file string) (err error) {
	ctx := cmd.Context()
	if a.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
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
