package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/analytics/evaluate"
	csvtable "github.com/waybill-dev/waybill/analytics/table"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const evaluateLong = `Measure the scores on series whose truth is known. Scores are those of waybill score: strictly causal, one
configuration for every file; what is labelled is never looked at.

A folder of the Numenta Anomaly Benchmark (labels/combined_windows.json and data/) is judged by the benchmark's three
profiles, at a threshold fixed beforehand (--threshold), at the one that is best for the other files (files),
for the other folders (folders), and for the scored files themselves (best), which looks at the labels and
is told because published scores do.

Other files and folders are CSV files with a column of labels (label, is_anomaly, …; --label): for each
series the share of labelled ranges that hold an alarm and that reach the threshold, the delay from a range's first row,
alarms and rows at the threshold outside of the ranges, and VUS-PR of anomaly_score and of p_value
(Paparrizos et al. 2022, with the windows of TSB-AD). An anomaly is told once, so the score of its later rows
is low; p_value stays.

With --simulated the engine judges simulated shipments beside plain limits, three standard deviations, an
isolation forest and half-space trees: false alarms on clean shipments against what its p-values promise,
and what is found of each fault and size, how soon. That is a simulation and says nothing of a real lane.`

// maxEvaluatedRows bounds what is kept of a series for judging it.
const maxEvaluatedRows = 20_000_000

func (a *app) newEvaluateCommand() *cobra.Command {
	var f scoreFlags
	var e evaluation
	cmd := &cobra.Command{
		Use:   "evaluate FOLDER|FILE.csv...",
		Short: "Measure scores on labelled series, or verdicts on simulated shipments",
		Long:  evaluateLong,
		Example: `  waybill evaluate nab/
  waybill evaluate motes.csv --every 5s --ignore indoor
  waybill evaluate --simulated --clean 500 --each 20`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case e.simulated && len(args) > 0:
				return errors.New("--simulated takes no files")
			case !e.simulated && len(args) == 0:
				return errors.New("name a folder or files with labels, or use --simulated")
			}
			return nil
		},
	}
	f.readFlags(cmd)
	flags := cmd.Flags()
	flags.Float64Var(&e.threshold, "threshold", 0.15, "score from which on a row counts as a detection")
	flags.StringVar(&e.label, "label", "", "`COLUMN` of labels (default: the one whose name says so)")
	e.simulatedFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !(e.threshold > 0 && e.threshold <= 1) {
			return usage("--threshold %v: above 0, at most 1", e.threshold)
		}
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		e.app, e.cmd, e.read = a, cmd, &f
		switch {
		case e.simulated:
			return e.study(ctx)
		case len(args) == 1 && isNAB(args[0]):
			return e.nab(ctx, args[0])
		}
		return e.labelled(ctx, args)
	}
	return cmd
}

func isNAB(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "labels", "combined_windows.json"))
	return err == nil && info.Mode().IsRegular()
}

// evaluation is one run of the command.
type evaluation struct {
	app       *app
	cmd       *cobra.Command
	read      *scoreFlags
	threshold float64
	label     string

	simulated bool
	clean     int
	each      int
	reference int
	seed      uint64
	faults    []string
	table     string
}

// judgedSeries is a scored series with its truth.
type judgedSeries struct {
	times    []time.Time
	scores   []float64
	odd      []float64 // -ln p
	alarms   []bool
	labelled []bool
	first    []float64 // values of the first channel, for the window of VUS
}

// scored reads a file and scores it, by series in the order they begin. It says nothing of columns.
func (e *evaluation) scored(ctx context.Context, in io.Reader, file, label string, truth bool) ([]string, map[string]*judgedSeries, error) {
	o, err := e.read.options()
	if err != nil {
		return nil, nil, err
	}
	r, err := csvtable.NewReader(in, o)
	if err != nil {
		return nil, nil, fileFailure(file, err)
	}
	column := -1
	if truth {
		if column, err = r.Label(label); err != nil {
			return nil, nil, fileFailure(file, err)
		}
	}
	plan, err := e.read.plan(r, file)
	if err != nil {
		return nil, nil, err
	}
	s, err := csvtable.NewScorer(r, plan)
	if err != nil {
		return nil, nil, fileFailure(file, err)
	}
	var order []string
	all := map[string]*judgedSeries{}
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		row, err := s.Next()
		if errors.Is(err, io.EOF) {
			return order, all, nil
		}
		if err != nil {
			return nil, nil, fileFailure(file, err)
		}
		if row.Row.Blank || row.Fault != nil {
			continue
		}
		if n > maxEvaluatedRows {
			return nil, nil, fail(exitRefused, codeInvalid, "cut the file", "%s: more than %d rows", file, maxEvaluatedRows)
		}
		one := all[string(row.Row.Series)]
		if one == nil {
			one = &judgedSeries{}
			order = append(order, string(row.Row.Series))
			all[order[len(order)-1]] = one
		}
		one.take(row, column)
	}
}

// take keeps a row; one without a value has a score of 0 and its label counts.
func (s *judgedSeries) take(row *csvtable.Scored, column int) {
	s.times = append(s.times, row.Row.At.Time())
	s.scores = append(s.scores, row.Result.Score)
	p := row.Result.P
	if !row.Known {
		p = 1
	}
	s.odd = append(s.odd, -math.Log(max(p, 1e-300)))
	s.alarms = append(s.alarms, row.Result.Alarm)
	s.labelled = append(s.labelled, column >= 0 && csvtable.IsLabelled(row.Row.Cells[column]))
	v := row.Row.Values[0]
	if math.IsNaN(v) {
		v = 0
		if n := len(s.first); n > 0 {
			v = s.first[n-1]
		}
	}
	s.first = append(s.first, v)
}

// seriesReport is what was measured of a series, or of all together.
type seriesReport struct {
	File   string `json:"file,omitempty"`
	Series string `json:"series,omitempty"`
	Rows   int    `json:"rows"`
	// Ranges are labelled; Alarmed of them hold an alarm, Reached a score of the threshold.
	Ranges  int `json:"labelled_ranges"`
	Alarmed int `json:"ranges_with_alarm"`
	Reached int `json:"ranges_at_threshold"`
	// Outside of the ranges.
	CleanRows   int `json:"clean_rows"`
	FalseAlarms int `json:"false_alarms"`
	FalseRows   int `json:"false_rows_at_threshold"`
	// Of a range's first row to its first alarm, and to the first row at the threshold, of those that have one: medians.
	AlarmDelayRows    *float64 `json:"median_alarm_delay_rows,omitempty"`
	AlarmDelaySeconds *float64 `json:"median_alarm_delay_seconds,omitempty"`
	DelayRows         *float64 `json:"median_delay_rows,omitempty"`
	DelaySeconds      *float64 `json:"median_delay_seconds,omitempty"`
	// VUS-PR; absent where nothing or everything is labelled. Of all together it is the mean.
	VUSScore *float64 `json:"vus_pr_anomaly_score,omitempty"`
	VUSP     *float64 `json:"vus_pr_p_value,omitempty"`

	alarmRows, alarmSeconds, reachRows, reachSeconds []float64
}

// judge measures a series.
func (s *judgedSeries) judge(threshold float64) (seriesReport, error) {
	r := seriesReport{Rows: len(s.times)}
	for i := 0; i < len(s.labelled); i++ {
		if !s.labelled[i] {
			r.CleanRows++
			if s.alarms[i] {
				r.FalseAlarms++
			}
			if s.scores[i] >= threshold {
				r.FalseRows++
			}
			continue
		}
		from, alarm, reach := i, -1, -1
		for ; i < len(s.labelled) && s.labelled[i]; i++ {
			if alarm < 0 && s.alarms[i] {
				alarm = i
			}
			if reach < 0 && s.scores[i] >= threshold {
				reach = i
			}
		}
		i--
		r.Ranges++
		if alarm >= 0 {
			r.Alarmed++
			r.alarmRows = append(r.alarmRows, float64(alarm-from))
			r.alarmSeconds = append(r.alarmSeconds, s.times[alarm].Sub(s.times[from]).Seconds())
		}
		if reach >= 0 {
			r.Reached++
			r.reachRows = append(r.reachRows, float64(reach-from))
			r.reachSeconds = append(r.reachSeconds, s.times[reach].Sub(s.times[from]).Seconds())
		}
	}
	r.delays()
	if r.CleanRows == 0 || r.CleanRows == r.Rows {
		return r, nil
	}
	window := evaluate.VUSWindow(s.first)
	for _, c := range []struct {
		scores []float64
		to     **float64
	}{{s.scores, &r.VUSScore}, {s.odd, &r.VUSP}} {
		v, err := evaluate.NewVUS(s.labelled, c.scores, window)
		if err != nil {
			return r, err
		}
		*c.to = &v.PR
	}
	return r, nil
}

func (r *seriesReport) delays() {
	r.AlarmDelayRows, r.AlarmDelaySeconds = median(r.alarmRows), median(r.alarmSeconds)
	r.DelayRows, r.DelaySeconds = median(r.reachRows), median(r.reachSeconds)
}

func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	m := (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	return &m
}

func mean(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	sum /= float64(len(values))
	return &sum
}

// together sums reports up; its VUS is the mean of those that have one.
func together(all []seriesReport) seriesReport {
	var sum seriesReport
	var score, p []float64
	for _, r := range all {
		sum.Rows += r.Rows
		sum.Ranges += r.Ranges
		sum.Alarmed += r.Alarmed
		sum.Reached += r.Reached
		sum.CleanRows += r.CleanRows
		sum.FalseAlarms += r.FalseAlarms
		sum.FalseRows += r.FalseRows
		sum.alarmRows = append(sum.alarmRows, r.alarmRows...)
		sum.alarmSeconds = append(sum.alarmSeconds, r.alarmSeconds...)
		sum.reachRows = append(sum.reachRows, r.reachRows...)
		sum.reachSeconds = append(sum.reachSeconds, r.reachSeconds...)
		if r.VUSScore != nil {
			score, p = append(score, *r.VUSScore), append(p, *r.VUSP)
		}
	}
	sum.delays()
	sum.VUSScore, sum.VUSP = mean(score), mean(p)
	return sum
}

func (e *evaluation) labelled(ctx context.Context, args []string) error {
	files, err := expand(args, []string{".csv"})
	if err != nil {
		return err
	}
	var reports []seriesReport
	for _, name := range files {
		var of []seriesReport
		if of, err = e.file(ctx, name); err != nil {
			return err
		}
		reports = append(reports, of...)
	}
	if e.app.json {
		return writeJSON(e.cmd.OutOrStdout(), object{{"threshold", e.threshold}, {"series", reports}, {"together", together(reports)}})
	}
	if err = e.writeSeries(e.cmd.OutOrStdout(), reports); err != nil {
		return err
	}
	return e.writeSum(e.cmd.OutOrStdout(), together(reports), len(reports))
}

// file judges the series of a file.
func (e *evaluation) file(ctx context.Context, name string) ([]seriesReport, error) {
	in, err := openInput(name, e.cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	order, all, err := e.scored(ctx, in, name, e.label, true)
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	reports := make([]seriesReport, len(order))
	for i, series := range order {
		if reports[i], err = all[series].judge(e.threshold); err != nil {
			return nil, fileFailure(name, err)
		}
		reports[i].File, reports[i].Series = name, series
	}
	return reports, nil
}

func (e *evaluation) writeSeries(w io.Writer, reports []seriesReport) error {
	t := newTable(w, "FILE", "SERIES", "ROWS", "RANGES", "ALARMED", "REACHED", "DELAY", "FALSE ALARMS", "FALSE ROWS", "VUS-PR", "OF P")
	for _, r := range reports {
		t.row(filepath.Base(r.File), r.Series, strconv.Itoa(r.Rows), strconv.Itoa(r.Ranges), strconv.Itoa(r.Alarmed), strconv.Itoa(r.Reached),
			rowsDelay(cmp.Or(r.AlarmDelayRows, r.DelayRows)), strconv.Itoa(r.FalseAlarms), strconv.Itoa(r.FalseRows), figure(r.VUSScore), figure(r.VUSP))
	}
	return t.flush()
}

func rowsDelay(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64) + " rows"
}

func figure(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', 3, 64)
}

// writeSum tells of all series together.
func (e *evaluation) writeSum(w io.Writer, r seriesReport, series int) error {
	fmt.Fprintf(w, "\n%d series, %s, %s\n", series, count(r.Rows, "row"), count(r.Ranges, "labelled range"))
	line := func(what string, hit, wrong int, rows, seconds *float64) {
		fmt.Fprintf(w, "%s: %d of %d ranges, %d outside of them (%.3f of 1,000 clean rows)", what, hit, r.Ranges, wrong, 1000*float64(wrong)/float64(max(1, r.CleanRows)))
		if rows != nil {
			fmt.Fprintf(w, ", median delay %s or %s", rowsDelay(rows), time.Duration(*seconds*float64(time.Second)).Round(time.Second))
		}
		fmt.Fprintln(w)
	}
	line("alarms", r.Alarmed, r.FalseAlarms, r.AlarmDelayRows, r.AlarmDelaySeconds)
	line(fmt.Sprintf("rows with a score of %v", e.threshold), r.Reached, r.FalseRows, r.DelayRows, r.DelaySeconds)
	if r.VUSScore != nil {
		fmt.Fprintf(w, "VUS-PR: %.3f of anomaly_score, %.3f of p_value (means of the series with labels)\n", *r.VUSScore, *r.VUSP)
	}
	return nil
}

// nabReport is what the benchmark says.
type nabReport struct {
	Files    int          `json:"files"`
	Windows  int          `json:"windows"`
	Rows     int          `json:"scored_rows"`
	Profiles []nabOutcome `json:"profiles"`
	Series   seriesReport `json:"together"`
}

type nabOutcome struct {
	Profile   string   `json:"profile"`
	Choice    string   `json:"threshold_chosen"`
	Threshold *float64 `json:"threshold,omitempty"`
	Score     float64  `json:"score"`
	Hit       int      `json:"windows_hit"`
	Rows      int      `json:"detections_in_windows"`
	FalseRows int      `json:"false_rows"`
}

func (e *evaluation) nab(ctx context.Context, dir string) error {
	root := os.DirFS(dir)
	raw, err := fs.ReadFile(root, "labels/combined_windows.json")
	if err != nil {
		return fail(exitRefused, codeFile, "", "%w", err)
	}
	labels := map[string][][2]string{}
	if err = json.Unmarshal(raw, &labels); err != nil {
		return fail(exitRefused, codeInvalid, "", "%s: it is not what NAB labels with, an object of files with windows each: {\"FILE\": [[\"FROM\", \"TO\"], …], …}",
			filepath.Join(dir, "labels", "combined_windows.json"))
	}
	keys := make([]string, 0, len(labels))
	for key := range labels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	bar := newProgress(e.cmd.ErrOrStderr(), e.app.quiet, "scoring", int64(len(keys)), "files", "windows")
	var series []*evaluate.NABSeries
	var reports []seriesReport
	rows := 0
	for _, key := range keys {
		one, report, err := e.nabFile(ctx, dir, key, labels[key])
		if err != nil {
			bar.finish()
			return err
		}
		series, reports = append(series, one), append(reports, report)
		rows += report.Rows - min(report.Rows*15/100, 750)
		bar.add(1)
		bar.addExtra(int64(one.Windows()))
	}
	bar.finish()
	r := nabReport{Files: len(series), Rows: rows, Profiles: e.nabProfiles(series), Series: together(reports)}
	for _, s := range series {
		r.Windows += s.Windows()
	}
	if e.app.json {
		return writeJSON(e.cmd.OutOrStdout(), r)
	}
	w := e.cmd.OutOrStdout()
	fmt.Fprintf(w, "%d files, %d windows, %d scored rows\n\n", r.Files, r.Windows, r.Rows)
	t := newTable(w, "PROFILE", "THRESHOLD", "SCORE", "WINDOWS HIT", "FALSE ROWS")
	for _, o := range r.Profiles {
		threshold := o.Choice
		if o.Threshold != nil {
			threshold += fmt.Sprintf(" %.4g", *o.Threshold)
		}
		t.row(o.Profile, threshold, fmt.Sprintf("%.2f", o.Score), fmt.Sprintf("%d of %d", o.Hit, r.Windows), strconv.Itoa(o.FalseRows))
	}
	return errors.Join(t.flush(), e.writeSum(w, r.Series, len(reports)))
}

func (e *evaluation) nabProfiles(series []*evaluate.NABSeries) []nabOutcome {
	var out []nabOutcome
	file := func(key string) string { return key }
	for _, p := range evaluate.NABProfiles() {
		best := evaluate.NABBest(series, p)
		for _, c := range []struct {
			choice    string
			threshold *float64
			count     evaluate.NABCount
		}{
			{"fixed", &e.threshold, evaluate.NABFixed(series, p, e.threshold)},
			{"files", nil, evaluate.NABLeaveOut(series, p, file)},
			{"folders", nil, evaluate.NABLeaveOut(series, p, path.Dir)},
			{"best", &best, evaluate.NABFixed(series, p, best)},
		} {
			o := nabOutcome{Profile: p.Name, Choice: c.choice, Threshold: c.threshold, Score: c.count.Score(p), Hit: c.count.Hit, Rows: c.count.Detections, FalseRows: c.count.FalseRows}
			if !math.IsNaN(o.Score) {
				out = append(out, o)
			}
		}
	}
	return out
}

// nabFile scores one file of the benchmark.
func (e *evaluation) nabFile(ctx context.Context, dir, key string, windows [][2]string) (*evaluate.NABSeries, seriesReport, error) {
	file := filepath.Join(dir, "data", filepath.FromSlash(key))
	if !fs.ValidPath(key) || strings.Contains(key, `\`) {
		return nil, seriesReport{}, fail(exitRefused, codeInvalid, "", "%q is no path of a file below %s", key, filepath.Join(dir, "data"))
	}
	in, err := openInput(file, nil)
	if err != nil {
		return nil, seriesReport{}, err
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	order, all, err := e.scored(ctx, in, file, "", false)
	if err != nil {
		return nil, seriesReport{}, err
	}
	if len(order) != 1 {
		return nil, seriesReport{}, fail(exitRefused, codeInvalid, "", "%s: %d series in a file of the benchmark", file, len(order))
	}
	one := all[order[0]]
	var spans []evaluate.NABWindow
	for _, w := range windows {
		var edges [2]time.Time
		for i, text := range w {
			var at ledger.Millis
			if at, err = csvtable.ParseTime(text, csvtable.DateUnknown); err != nil {
				return nil, seriesReport{}, fileFailure(file, err)
			}
			edges[i] = at.Time()
		}
		spans = append(spans, evaluate.NABWindow{From: edges[0], To: edges[1]})
	}
	s, err := evaluate.NewNABSeries(key, one.times, one.scores, spans)
	if err != nil {
		return nil, seriesReport{}, fileFailure(file, err)
	}
	for i, at := range one.times {
		one.labelled[i] = slices.ContainsFunc(spans, func(w evaluate.NABWindow) bool { return !at.Before(w.From) && !at.After(w.To) })
	}
	r, err := one.judge(e.threshold)
	if err != nil {
		return nil, seriesReport{}, fileFailure(file, err)
	}
	r.File = key
	return s, r, nil
}
