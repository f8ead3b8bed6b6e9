package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
