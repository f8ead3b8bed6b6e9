package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	csvtable "github.com/waybill-dev/waybill/analytics/table"
	"github.com/waybill-dev/waybill/analytics/train"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const trainLong = `Fit a model to shipments that were accepted, and write its artefact: parameters in one canonical form,
named by their digest. The same histories give the same bytes on any machine.

What it learns from is one of:
  files and folders  CSV files of accepted journeys, a journey for each file, or for each logger in it; --profile
                     says what product they carried
  --ledger           the shipments on the ledger that ended and got no verdict of inspect or worse
  --snapshot ID/V    of these, those of a data set snapshot that is frozen on the ledger (see ` + "`waybill dataset`" + `); it is
                     rebuilt from the ledger first and must be as recorded. The same snapshot, code and seed give
                     the same artefact. With --record the version's record is written for ` + "`waybill model submit`" + `
  --simulated N      N simulated clean journeys, which say nothing of a real lane

Of each product and lane with enough journeys the model holds what accepted shipments were like, and calibrates
verdicts by it: at most --alpha of shipments like them are inspected for being unusual. Up to --poison
of the journeys may be bad ones that nobody noticed.`

type trainFlags struct {
	read      scoreFlags
	out       string
	id        string
	source    string
	alpha     float64
	poison    float64
	simulated int
	seed      uint64
	ledger    bool
	snapshots []string
	record    recordFlags
}

func (a *app) newTrainCommand() *cobra.Command {
	var f trainFlags
	cmd := &cobra.Command{
		Use:   "train [FOLDER|FILE.csv...]",
		Short: "Fit a model to accepted shipments",
		Long:  trainLong,
		Example: `  waybill train accepted/ --profile refrigerated --out model.json
  waybill train --ledger --out model.json
  waybill train --snapshot fridge/1 --id fridge --out model.json --record record.json --use 'vaccines by road' --licence Apache-2.0
  waybill train --simulated 700 --out model.json && waybill evaluate --simulated --model model.json`,
		Args: func(_ *cobra.Command, args []string) error {
			sources := 0
			for _, given := range []bool{len(args) > 0, f.simulated != 0, f.ledger, len(f.snapshots) > 0} {
				if given {
					sources++
				}
			}
			if sources != 1 {
				return errors.New("name files to learn from, or one of --ledger, --snapshot and --simulated")
			}
			return nil
		},
	}
	f.read.readFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "write the artefact to this `FILE`; - is standard output")
	flags.StringVar(&f.id, "id", "trained", "name of the model, before the digest")
	flags.StringVar(&f.source, "source", "", "what the histories are, for the artefact (default: what the command knows)")
	flags.Float64Var(&f.alpha, "alpha", 0.01, "share of shipments like the accepted ones that may be inspected for being unusual")
	flags.Float64Var(&f.poison, "poison", 0.1, "largest share of the histories that may be bad ones")
	flags.IntVar(&f.simulated, "simulated", 0, "learn from so many simulated clean journeys")
	flags.Uint64Var(&f.seed, "seed", 1_000_001, "seed of the simulated journeys, or of what calibrates among a snapshot's")
	flags.BoolVar(&f.ledger, "ledger", false, "learn from the ledger")
	flags.StringArrayVar(&f.snapshots, "snapshot", nil, "learn from this data set snapshot, `ID/VERSION`; may be given again")
	f.record.flags(cmd)
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err) // the flag is defined above
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		return a.train(ctx, cmd, &f, args)
	}
	return cmd
}

func (a *app) train(ctx context.Context, cmd *cobra.Command, f *trainFlags, args []string) error {
	if !(f.alpha >= 1e-6 && f.alpha <= 0.5) || !(f.poison >= 0 && f.poison <= 0.2) {
		return usage("--alpha is from 0.000001 to 0.5, --poison from 0 to 0.2") // a model counts in millionths
	}
	if f.simulated < 0 || f.simulated > simulate.MaxShipments {
		return usage("--simulated %d: from 1 to %d", f.simulated, simulate.MaxShipments)
	}
	cfg := train.Config{ID: f.id, Alpha: int64(math.Round(f.alpha * score.Million)), Poison: int64(math.Round(f.poison * score.Million)), Source: f.source}
	if cfg.Poison == 0 {
		cfg.Poison = -1 // none, where 0 is the default
	}
	if len(f.snapshots) > 0 {
		return a.trainOnSnapshots(ctx, cmd, f, cfg)
	}
	if f.record.file != "" {
		return usage("--record is of a model that is trained with --snapshot")
	}
	var histories []train.History
	var err error
	switch {
	case f.simulated > 0:
		cfg.Source = cmp.Or(cfg.Source, "simulated clean journeys, not field data")
		histories, err = train.Simulated(simulate.Config{Now: simulatedNow(), Shipments: f.simulated, Items: 1, Faults: []simulate.Fault{}}, f.seed)
	case f.ledger:
		histories, err = a.ledgerHistories(ctx, cmd, &cfg)
	default:
		cfg.Source = cmp.Or(cfg.Source, "files of accepted journeys")
		histories, err = a.fileHistories(ctx, cmd, f, args)
	}
	if err != nil {
		return err
	}
	began := time.Now()
	m, err := train.Fit(ctx, cfg, histories)
	switch {
	case errors.Is(err, train.ErrHistories):
		return fail(exitRefused, codeOf(err), "100 loggers' journeys are the least, and 39 of a policy and lane; 150 of these resolve an alpha of 0.01", "%w", err)
	case err != nil:
		return err
	}
	if err := writeWhole(f.out, m.Bytes(), cmd.OutOrStdout()); err != nil {
		return err
	}
	if a.quiet {
		return nil
	}
	w := cmd.OutOrStdout()
	if f.out == stdinName {
		w = cmd.ErrOrStderr()
	}
	return a.tellModel(w, m, len(histories), time.Since(began))
}

// tellModel says what a model holds.
func (a *app) tellModel(w io.Writer, m *score.Model, histories int, took time.Duration) error {
	p := m.Parameters()
	if a.json {
		strata := make([]object, len(p.Strata))
		for i, s := range p.Strata {
			strata[i] = object{{"stratum", s.Name}, {"given", s.Table.Given}, {"calibrate", s.Table.Joint.N}, {"trimmed", s.Table.Trimmed}}
		}
		return writeJSON(w, object{{"model", m.Name()}, {"digest", m.Digest().String()}, {"histories", histories}, {"strata", strata}, {"seconds", took.Seconds()}})
	}
	fmt.Fprintf(w, "%s\nfitted to %d histories in %.1f s\n", m.Name(), histories, took.Seconds())
	if len(p.Strata) == 0 {
		_, err := fmt.Fprintln(w, "no product and lane has enough of them: verdicts will state no p-value")
		return err
	}
	t := newTable(w, "STRATUM", "HISTORIES", "CALIBRATE", "TRIMMED", "LEAST P")
	for _, s := range p.Strata {
		t.row(s.Name, strconv.Itoa(s.Table.Given), strconv.Itoa(s.Table.Joint.N), strconv.Itoa(s.Table.Trimmed), millionths(s.Table.Resolution()))
	}
	return t.flush()
}

// ledgerHistories gathers the shipments of the organisation's ledger that ended and were cleared.
func (a *app) ledgerHistories(ctx context.Context, cmd *cobra.Command, cfg *train.Config) ([]train.History, error) {
	source, _, release, err := a.openLedger(func(error) {})
	if err != nil {
		return nil, err
	}
	defer release()
	height, err := source.Height(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Source = cmp.Or(cfg.Source, fmt.Sprintf("shipments of the ledger that were cleared, to block %d", height))
	bar := newProgress(cmd.ErrOrStderr(), a.quiet, "reading", int64(height), "blocks", "transactions") //nolint:gosec // a ledger's height
	defer bar.finish()
	c := train.NewCollector(feature.DefaultLimits())
	for block, err := range source.Blocks(ctx, 0) {
		if err != nil {
			return nil, err
		}
		for _, tx := range block.Transactions {
			c.Apply(block.Number, tx.Transaction)
			bar.addExtra(1)
		}
		bar.add(1)
		if block.Number+1 >= height {
			break
		}
	}
	return c.Histories(ledger.Inspect), nil
}

// fileHistories reads journeys from files, one for each logger in them.
func (a *app) fileHistories(ctx context.Context, cmd *cobra.Command, f *trainFlags, args []string) ([]train.History, error) {
	if f.read.profile == "" {
		return nil, usage("--profile says what product the journeys carried: what is usual is of a product")
	}
	files, err := expand(args, []string{".csv"})
	if err != nil {
		return nil, err
	}
	bar := newProgress(cmd.ErrOrStderr(), a.quiet, "reading", int64(len(files)), "files", "journeys")
	defer bar.finish()
	var all []train.History
	for _, file := range files {
		in, err := openInput(file, cmd.InOrStdin())
		if err != nil {
			return nil, err
		}
		journeys, err := f.journeys(ctx, in, file)
		if err = errors.Join(err, in.Close()); err != nil {
			return nil, fileFailure(file, err)
		}
		all = append(all, journeys...)
		bar.add(1)
		bar.addExtra(int64(len(journeys)))
	}
	return all, nil
}

// journey is what one logger of a file measured.
type journey struct {
	times   []ledger.Millis
	values  [][]int32 // by channel
	missing []bool    // a channel has rows without a value and is left out
}

// journeys reads a file. Rows without a temperature are left out, and so is another channel that
// lacks a value anywhere.
func (f *trainFlags) journeys(ctx context.Context, in io.Reader, file string) ([]train.History, error) {
	o, err := f.read.options()
	if err != nil {
		return nil, err
	}
	r, err := csvtable.NewReader(in, o)
	if err != nil {
		return nil, err
	}
	plan, err := f.read.plan(r, file)
	if err != nil {
		return nil, err
	}
	quantities := quantitiesOf(r, plan.Temperature)
	var order []string
	all := map[string]*journey{}
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if _, ok := errors.AsType[*csvtable.RowError](err); ok && plan.KeepGoing {
				continue
			}
			return nil, err
		}
		if row.Blank || math.IsNaN(row.Values[plan.Temperature]) {
			continue
		}
		j := all[string(row.Series)]
		if j == nil {
			if len(all) >= csvtable.MaxSeries {
				return nil, fmt.Errorf("%w: more than %d", csvtable.ErrSeries, csvtable.MaxSeries)
			}
			j = &journey{values: make([][]int32, len(row.Values)), missing: make([]bool, len(row.Values))}
			order = append(order, string(row.Series))
			all[order[len(order)-1]] = j
		}
		if err := j.take(row, plan, quantities); err != nil {
			return nil, err
		}
	}
	histories := make([]train.History, 0, len(order))
	for _, name := range order {
		segment := all[name].segment(quantities)
		segment.Device = cmp.Or(name, filepath.Base(file))
		histories = append(histories, train.OfLogger(file+" "+name, plan.Policy, segment))
	}
	return histories, nil
}

// quantitiesOf says what each channel measures, 0 for what the ledger does not hold or has already.
func quantitiesOf(r *csvtable.Reader, temperature int) []ledger.Quantity {
	channels := r.Channels()
	out := make([]ledger.Quantity, len(channels))
	out[temperature] = ledger.Temperature
	for i, c := range channels {
		if q, ok := csvtable.QuantityOf(c.Name); ok && out[i] == 0 && !slices.Contains(out, q) {
			out[i] = q
		}
	}
	return out
}

func (j *journey) take(row *csvtable.Row, plan csvtable.Plan, quantities []ledger.Quantity) error {
	if n := len(j.times); n > 0 && row.At <= j.times[n-1] {
		if row.At == j.times[n-1] || plan.ClockSteps {
			return nil // an engine takes a time once
		}
		return &csvtable.RowError{Line: row.Line, Err: fmt.Errorf("%w: its time lies before that of the row before", csvtable.ErrOrder)}
	}
	if row.At < ledger.EarliestTime {
		return &csvtable.RowError{Line: row.Line, Err: fmt.Errorf("%w: a time before the year 2000 is that of a clock that was never set", csvtable.ErrTime)}
	}
	j.times = append(j.times, row.At)
	for i, v := range row.Values {
		if i == plan.Temperature {
			v = plan.Unit.Celsius(v)
		}
		switch v = math.Round(v * 1000); {
		case quantities[i] == 0:
			continue
		case math.IsNaN(v):
			j.missing[i] = true
		case v < math.MinInt32 || v > math.MaxInt32 || quantities[i].CheckValue(int32(v)) != nil:
			return &csvtable.RowError{Line: row.Line, Err: fmt.Errorf("%w: %v is no value of %s", csvtable.ErrValue, v/1000, quantities[i])}
		default:
			j.values[i] = append(j.values[i], int32(v))
		}
	}
	return nil
}

// segment gives the journey's channels in the ledger's order.
func (j *journey) segment(quantities []ledger.Quantity) ledger.Segment {
	s := ledger.Segment{Times: j.times}
	for i, q := range quantities {
		if q != 0 && !j.missing[i] {
			s.Channels = append(s.Channels, ledger.Channel{Quantity: q, Values: j.values[i]})
		}
	}
	slices.SortFunc(s.Channels, func(a, b ledger.Channel) int { return int(a.Quantity) - int(b.Quantity) })
	return s
}
