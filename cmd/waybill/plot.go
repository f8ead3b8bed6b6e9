package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/plot"
	csvtable "github.com/waybill-dev/waybill/analytics/table"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/picture"
)

const plotLong = `Draw readings over time as SVG or PNG.

Of a CSV file (- is standard input) the channels, with the limits of --profile, the score below them,
alarms as red lines, and labelled ranges, if there are any, shaded. The scores are those that waybill score gives, or
those in the file or in --scores if it was scored before. Of a shipment on the ledger, named by its
EPC: what its loggers measured, the limits of its policy, the score of each verdict, and shaded what the worst
verdict names as its reasons.

However long a series is, its highest and lowest readings are seen.`

type plotFlags struct {
	read   scoreFlags
	out    string
	scores string
	series []string
	title  string
}

func (a *app) newPlotCommand() *cobra.Command {
	var f plotFlags
	cmd := &cobra.Command{
		Use:   "plot FILE.csv|SHIPMENT",
		Short: "Draw readings, limits, scores and verdicts",
		Long:  plotLong,
		Example: `  waybill plot logger.csv --profile refrigerated
  waybill plot scores.csv --out scores.png
  waybill plot motes.csv --series 1 --series 4 --ignore indoor --every 5s
  waybill plot urn:epc:id:sscc:9521321.0000000012 --out pallet.svg`,
		Args: cobra.ExactArgs(1),
	}
	f.read.readFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "write the picture to this `FILE`, ending in .svg or .png; - is SVG on standard output (default: beside the file, as SVG)")
	flags.StringVar(&f.scores, "scores", "", "scores of the file's rows, as waybill score wrote them to this `FILE`")
	flags.StringSliceVar(&f.series, "series", nil, "only the series with this value in the column that tells loggers apart; may be given more than once")
	flags.StringVar(&f.title, "title", "", "title of the picture")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if isEPC(args[0]) {
			return a.plotShipment(cmd, &f, args[0])
		}
		return a.plotFile(cmd, &f, args[0])
	}
	return cmd
}

// isEPC tells a shipment from a file.
func isEPC(name string) bool {
	if _, err := os.Stat(name); err == nil {
		return false
	}
	return strings.HasPrefix(name, "urn:") || strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "(00)")
}

// pictureName is where a picture goes that --out does not name.
func pictureName(out, of string) (string, plot.Format, error) {
	switch {
	case out == stdinName:
		return out, plot.SVG, nil
	case out == "" && of == stdinName:
		return stdinName, plot.SVG, nil
	case out == "":
		out = strings.TrimSuffix(of, filepath.Ext(of)) + ".svg"
	}
	format, err := plot.FormatOf(out)
	if err != nil {
		return "", "", usage("--out: %s", strings.TrimPrefix(err.Error(), plot.ErrChart.Error()+": "))
	}
	return out, format, nil
}

// draw writes the picture and tells where it is.
func (a *app) draw(cmd *cobra.Command, c *plot.Chart, name string, format plot.Format) error {
	out, err := createOutput(name, nil, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	err = c.Write(out, format)
	if err = errors.Join(err, out.close(err == nil)); err != nil {
		if out.partial != "" {
			err = errors.Join(err, os.Remove(out.partial))
		}
		return fileFailure(name, err)
	}
	if name == stdinName || a.quiet {
		return nil
	}
	if a.json {
		return writeJSON(cmd.OutOrStdout(), object{{"file", name}})
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), name)
	return err
}

func (a *app) plotFile(cmd *cobra.Command, f *plotFlags, file string) error {
	ctx, cancel := a.within(cmd.Context())
	defer cancel()
	name, format, err := pictureName(f.out, file)
	if err != nil {
		return err
	}
	in, err := openInput(file, cmd.InOrStdin())
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	if sameFile(in, name) {
		return usage("--out names the file that is read")
	}
	r, err := f.openScored(file, in)
	if err != nil {
		return err
	}
	if err = a.sayColumns(cmd.ErrOrStderr(), file, r); err != nil {
		return err
	}
	d, err := newDrawing(f, r, file)
	if err != nil {
		return err
	}
	if f.scores != "" {
		beside, err := openInput(f.scores, nil)
		if err != nil {
			return err
		}
		defer beside.Close() //nolint:errcheck // read only, nothing to lose
		if d.beside, err = f.openScored(f.scores, beside); err != nil {
			return err
		}
		if d.columns, err = scoreColumns(d.beside, f.scores); err != nil {
			return err
		}
	}
	if err := d.read(ctx, file); err != nil {
		return fileFailure(file, err)
	}
	title := cmp.Or(f.title, filepath.Base(file))
	if d.policy != nil && f.title == "" {
		title += ", profile " + d.policy.ID
	}
	return a.draw(cmd, d.chart(title), name, format)
}

// openScored opens a file that may have been scored before.
func (f *plotFlags) openScored(file string, in io.Reader) (*csvtable.Reader, error) {
	o, err := f.read.options()
	if err != nil {
		return nil, err
	}
	o.Scored = true
	r, err := csvtable.NewReader(in, o)
	if err != nil {
		return nil, fileFailure(file, err)
	}
	return r, nil
}

// scoreColumns finds the score and the alarm in a file that was scored.
func scoreColumns(r *csvtable.Reader, file string) ([2]int, error) {
	c := [2]int{r.Column(csvtable.Added()[0]), r.Column(csvtable.Added()[2])}
	if c[0] < 0 || c[1] < 0 {
		return c, fail(exitRefused, codeOf(csvtable.ErrColumns), "make it with waybill score", "%s: it has no columns %s and %s", file, csvtable.Added()[0], csvtable.Added()[2])
	}
	return c, nil
}

// drawing collects a file's rows for its picture.
type drawing struct {
	reader  *csvtable.Reader
	scorer  *csvtable.Scorer // nil: the scores are read
	beside  *csvtable.Reader // where they are read; nil: in the file itself
	columns [2]int
	label   int
	policy  *ledger.Policy
	plan    csvtable.Plan
	only    []string

	panels  []plot.Panel
	scores  plot.Panel
	windows []plot.Window
	open    map[string]int // labelled range of a series that has not ended, index in windows
	marks   []plot.Mark
	known   []string // series
}

func newDrawing(f *plotFlags, r *csvtable.Reader, file string) (*drawing, error) {
	d := &drawing{reader: r, only: f.series, label: -1, open: map[string]int{}, scores: plot.Panel{Name: "score", Unit01: true}}
	var err error
	if d.plan, err = f.read.plan(r, file); err != nil {
		return nil, err
	}
	d.policy = d.plan.Policy
	if i, none := r.Label(""); none == nil {
		d.label = i
	}
	if len(f.series) > 0 && r.Series() == "" {
		return nil, usage("--series: %s is of one series; name the column that tells loggers apart with --by", file)
	}
	channels := r.Channels()
	if len(channels) >= plot.MaxPanels {
		return nil, usage("%d channels are scored, at most %d are drawn: choose them with --channels", len(channels), plot.MaxPanels-1)
	}
	for i, c := range channels {
		p := plot.Panel{Name: c.Name}
		if d.policy != nil && i == d.plan.Temperature {
			p.Name, p.Limits = "temperature, °C", plot.LimitsOf(d.policy)
		}
		d.panels = append(d.panels, p)
	}
	if r.Column(csvtable.Added()[0]) >= 0 || f.scores != "" {
		if f.scores == "" {
			d.columns, err = scoreColumns(r, file)
		}
		return d, err
	}
	d.scorer, err = csvtable.NewScorer(r, d.plan)
	return d, err
}

// next gives a row, its score, whether there is one, and whether it raised an alarm.
func (d *drawing) next() (row *csvtable.Row, score float64, known, alarm bool, err error) {
	if d.scorer != nil {
		return d.scored()
	}
	row, err = d.reader.Next()
	if _, refused := errors.AsType[*csvtable.RowError](err); refused && d.plan.KeepGoing {
		return nil, 0, false, false, nil
	}
	if err != nil || row.Blank {
		return row, 0, false, false, err
	}
	from := row
	if d.beside != nil {
		for from, err = d.beside.Next(); err == nil && from.Blank; from, err = d.beside.Next() {
		}
		switch {
		case errors.Is(err, io.EOF) || err == nil && from.At != row.At:
			return nil, 0, false, false, fail(exitRefused, codeInvalid, "score the file anew", "the scores are of another file: line %d has no score of its time", row.Line)
		case err != nil:
			return nil, 0, false, false, err
		}
	}
	score, err = strconv.ParseFloat(strings.TrimSpace(string(from.Cells[d.columns[0]])), 64)
	return row, score, err == nil && score >= 0 && score <= 1, csvtable.IsLabelled(from.Cells[d.columns[1]]), nil
}

// scored is next of a file that is scored here.
func (d *drawing) scored() (row *csvtable.Row, score float64, known, alarm bool, err error) {
	s, err := d.scorer.Next()
	if err != nil || s.Fault != nil {
		return nil, 0, false, false, err
	}
	return s.Row, s.Result.Score, s.Known, s.Result.Alarm, nil
}

func (d *drawing) read(ctx context.Context, file string) error {
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, score, known, alarm, err := d.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if row == nil || row.Blank || len(d.only) > 0 && !slices.Contains(d.only, string(row.Series)) {
			continue
		}
		if err := d.take(row, score, known, alarm); err != nil {
			return err
		}
	}
	if len(d.known) == 0 {
		return fail(exitRefused, codeOf(plot.ErrChart), "", "%s: there are no readings to draw", file)
	}
	return nil
}

func (d *drawing) take(row *csvtable.Row, score float64, known, alarm bool) error {
	series := string(row.Series)
	line := slices.Index(d.known, series)
	if line < 0 {
		if line = len(d.known); line == plot.MaxLines {
			return fail(exitRefused, codeOf(plot.ErrChart), "choose some with --series, or take the file as one with --by none", "more than %d series", plot.MaxLines)
		}
		d.known = append(d.known, series)
		for i := range d.panels {
			d.panels[i].Lines = append(d.panels[i].Lines, plot.Line{Name: series})
		}
		d.scores.Lines = append(d.scores.Lines, plot.Line{Name: series})
	}
	for i, v := range row.Values {
		if d.policy != nil && i == d.plan.Temperature {
			v = d.plan.Unit.Celsius(v)
		}
		d.panels[i].Lines[line].Points.Add(row.At, v)
	}
	if known {
		d.scores.Lines[line].Points.Add(row.At, score)
	}
	if alarm && len(d.marks) < plot.MaxMarks {
		d.marks = append(d.marks, plot.Mark{At: row.At, Name: "alarm", Kind: plot.Grave})
	}
	if d.label < 0 {
		return nil
	}
	at, open := d.open[series]
	switch labelled := csvtable.IsLabelled(row.Cells[d.label]); {
	case labelled && open:
		d.windows[at].To = row.At
	case labelled && len(d.windows) < plot.MaxMarks:
		d.open[series] = len(d.windows)
		d.windows = append(d.windows, plot.Window{From: row.At, To: row.At, Name: "labelled", Kind: plot.Note})
	case !labelled:
		delete(d.open, series)
	}
	return nil
}

func (d *drawing) chart(title string) *plot.Chart {
	c := &plot.Chart{Title: title, Panels: d.panels, Windows: d.windows, Marks: d.marks}
	if slices.ContainsFunc(d.scores.Lines, func(l plot.Line) bool { return l.Points.Len() > 0 }) {
		c.Panels = append(c.Panels, d.scores)
	}
	return c
}

// plotShipment draws what the ledger holds of a shipment.
func (a *app) plotShipment(cmd *cobra.Command, f *plotFlags, epc string) error {
	for _, name := range []string{"scores", "series", "profile", "model", "time", "every", "by", "channels", "ignore"} {
		if cmd.Flags().Changed(name) {
			return usage("--%s is of files, not of a shipment", name)
		}
	}
	name, format, err := pictureName(cmp.Or(f.out, "shipment.svg"), epc)
	if err != nil {
		return err
	}
	return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		chart, err := picture.OfShipment(ctx, conn, epc, f.title)
		if err != nil {
			return err
		}
		return a.draw(cmd, chart, name, format)
	})
}
