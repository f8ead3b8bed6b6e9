// Package audit makes a verdict again from nothing but the ledger: it rebuilds the snapshots that the
// verdict's model was fitted to, trains the model anew, rescores the shipment, and compares every field of
// what is recorded with what comes out, with what the transaction says of itself, and with what its
// submitter signed. It may import ledger, wire and everything under analytics; it knows no Fabric and no
// clock.
package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/provenance"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Errors of this package.
var (
	// ErrUnknown says that the ledger holds no such verdict.
	ErrUnknown = fmt.Errorf("%w: the verdict to audit", ledger.ErrUnknown)
	// ErrModel says that the verdict's model is neither on the ledger nor the one that ships with the program.
	ErrModel = errors.New("WB_AUDIT_MODEL: the verdict's model cannot be had")
)

// Block is a verified block: what its valid transactions recorded, in order.
type Block struct {
	Number       uint64
	Hash         ledger.Digest
	Transactions []Transaction
}

// Transaction is a valid transaction with what the block says of it.
type Transaction struct {
	wire.Transaction

	ID, MSPID string
	At        ledger.Millis
	// Submitted reads what its submitter signed; nil where the source does not have it.
	Submitted func() (Submission, error)
}

// Submission is a proposal as its submitter signed it.
type Submission struct {
	Function  string
	Arguments [][]byte
	Subject   string // common name of the submitter's certificate
}

// Source yields verified blocks in order, from the one of the number on, and ends with the error that
// stopped it. It may wait for blocks that are not there yet; Height says how many there are.
type Source interface {
	Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error]
	Height(ctx context.Context) (uint64, error)
}

// Name names a verdict.
type Name struct {
	Shipment string // canonical EPC
	Window   uint32
	Model    string // "id@digest"; empty: of the window's only verdict
}

// Program is what audits.
type Program struct {
	// Code is what it trains with; its Command is not compared.
	Code ledger.TrainingCode
	// Shipped is the model that comes with it, which may judge where a network has no model policy.
	Shipped *score.Model
	// OtherBuild says that a model may have been trained by another build: that its code differs is then
	// told and no fault. Its artefact must come out all the same.
	OtherBuild bool
	// SkipEvaluations leaves out to measure the model again where it was evaluated, which takes as long as judging
	// every journey of those snapshots.
	SkipEvaluations bool
	// Progress, if set, is told of each block that is read: how many of how many are done, and how many
	// transactions it held.
	Progress func(stage string, done, of uint64, transactions int)
}

// Check is one comparison.
type Check struct {
	Subject  string // such as "verdict", "model fridge/2" or "data set lane/1"
	Field    string
	How      How
	Recorded string
	Found    string // what it is compared with
	OK       bool
	Note     bool // it differs, and that is no fault
}

// How says with what a record was compared.
type How string

// The ways to compare.
const (
	Recomputed How = "recomputed" // made again from the ledger
	Signed     How = "signed"     // what the submitter signed
	InBlock    How = "block"      // what the block says of the transaction
)

// Report is what an audit found.
type Report struct {
	Verdict  ledger.Verdict
	Block    uint64               // that recorded it
	Model    *ledger.ModelVersion // nil: not registered
	Standing *ledger.ModelStatus
	Revoked  *ledger.Revocation
	Datasets []ledger.DatasetSnapshot
	Checks   []Check
	Readings uint64 // that the verdict rests on
	Journeys int    // that the model was fitted to
	Blocks   uint64 // read
}

// OK reports whether everything is as recorded.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.OK && !c.Note })
}

// Differences gives the checks that failed, notes included.
func (r *Report) Differences() []Check {
	var out []Check
	for _, c := range r.Checks {
		if !c.OK {
			out = append(out, c)
		}
	}
	return out
}

// record is something recorded, with its transaction.
type record[T any] struct {
	value T
	tx    Transaction
	block uint64
}

// auditor is an audit under way.
type auditor struct {
	source  Source
	program Program
	name    Name
	height  uint64
	report  *Report

	verdict  *record[ledger.Verdict]
	models   map[ledger.Digest]record[ledger.ModelVersion]
	datasets map[string]record[ledger.DatasetSnapshot]
	statuses map[ledger.Digest]ledger.ModelStatus
	revoked  map[ledger.Digest]ledger.Revocation
	chunks   map[ledger.Digest]uint64 // the block that stored it

	evaluations []record[ledger.Evaluation]
}

func newAuditor(ctx context.Context, source Source, program Program) (*auditor, error) {
	a := &auditor{
		source: source, program: program, report: &Report{},
		models: map[ledger.Digest]record[ledger.ModelVersion]{}, datasets: map[string]record[ledger.DatasetSnapshot]{},
		statuses: map[ledger.Digest]ledger.ModelStatus{}, revoked: map[ledger.Digest]ledger.Revocation{}, chunks: map[ledger.Digest]uint64{},
	}
	var err error
	a.height, err = source.Height(ctx)
	return a, err
}

// Verdict audits a verdict. The error says that it could not be audited; what differs is in the report.
func Verdict(ctx context.Context, source Source, program Program, name Name) (*Report, error) {
	a, err := newAuditor(ctx, source, program)
	if err != nil {
		return nil, err
	}
	a.name = name
	if err = a.find(ctx); err != nil {
		return nil, err
	}
	model, err := a.artefact(ctx)
	if err != nil {
		return nil, err
	}
	if err = a.again(ctx, model); err != nil {
		return nil, err
	}
	return a.report, nil
}

// Snapshots reads the ledger's recorded snapshots by their names, "id/version", rebuilds them and compares;
// none named: all of them. The results are the rebuilt snapshots in the order of the report's data sets, nil
// where one cannot be rebuilt; with histories they hold the journeys to learn from.
func Snapshots(ctx context.Context, source Source, program Program, histories bool, names ...string) (*Report, []*dataset.Result, error) {
	a, err := newAuditor(ctx, source, program)
	if err != nil {
		return nil, nil, err
	}
	if err = a.scan(ctx); err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(a.datasets))
	}
	refs := make([]ledger.DatasetRef, len(names))
	for i, name := range names {
		d, ok := a.datasets[name]
		if !ok {
			return nil, nil, fmt.Errorf("%w: data set %s is not frozen on this ledger", ledger.ErrUnknown, name)
		}
		refs[i] = d.value.Ref()
	}
	snapshots, builders, err := a.snapshots("snapshots asked for", refs, histories)
	if err != nil {
		return nil, nil, err
	}
	if len(builders) < len(names) { // what cannot be rebuilt is in the report
		return a.report, make([]*dataset.Result, len(names)), nil
	}
	results, err := a.rebuild(ctx, snapshots, builders, 0, func(Block) error { return nil })
	return a.report, results, err
}

// rebuild feeds the ledger's blocks to the builders and compares what they made.
func (a *auditor) rebuild(ctx context.Context, snapshots []record[ledger.DatasetSnapshot], builders []*dataset.Builder, last uint64, also func(Block) error) ([]*dataset.Result, error) {
	for _, b := range builders {
		last = max(last, b.To())
	}
	err := a.each(ctx, "rebuilding", 0, min(last, a.height), func(b Block) (bool, error) {
		if err := also(b); err != nil {
			return false, err
		}
		block := dataset.Block{Number: b.Number, Hash: b.Hash, Transactions: make([]wire.Transaction, len(b.Transactions))}
		for i := range b.Transactions {
			block.Transactions[i] = b.Transactions[i].Transaction
		}
		for _, builder := range builders {
			if b.Number < builder.First() {
				continue
			}
			if err := builder.Apply(block); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	results := make([]*dataset.Result, len(builders))
	for i, b := range builders {
		if results[i], err = a.snapshot(snapshots[i], b); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// each reads the blocks from one to before another.
func (a *auditor) each(ctx context.Context, stage string, from, to uint64, do func(Block) (more bool, err error)) error {
	if from >= to {
		return nil
	}
	next := from
	for block, err := range a.source.Blocks(ctx, from) {
		if err != nil {
			return err
		}
		if block.Number != next {
			return fmt.Errorf("audit: block %d came where %d was asked for", block.Number, next)
		}
		next++
		a.report.Blocks++
		more, err := do(block)
		if err != nil || !more {
			return err
		}
		if a.program.Progress != nil {
			a.program.Progress(stage, next-from, to-from, len(block.Transactions))
		}
		if next == to {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("audit: the ledger ended at block %d of %d", next, to)
}

// find reads the whole ledger for the verdict and what it rests on: a model may have been revoked since.
func (a *auditor) find(ctx context.Context) error {
	if err := a.scan(ctx); err != nil {
		return err
	}
	if a.verdict == nil {
		return fmt.Errorf("%w: window %d of %s by %s", ErrUnknown, a.name.Window, a.name.Shipment, orAny(a.name.Model))
	}
	a.report.Verdict, a.report.Block = a.verdict.value, a.verdict.block
	return nil
}

// scan takes in what the whole ledger says of models.
func (a *auditor) scan(ctx context.Context) error {
	return a.each(ctx, "finding", 0, a.height, func(b Block) (bool, error) {
		for _, tx := range b.Transactions {
			if err := a.take(b.Number, tx); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

func orAny(model string) string {
	if model == "" {
		return "any model"
	}
	return model
}

func (a *auditor) take(block uint64, tx Transaction) error {
	for _, d := range tx.Models.Datasets {
		a.datasets[nameOf(d.ID, d.Version)] = record[ledger.DatasetSnapshot]{d, tx, block}
	}
	for _, m := range tx.Models.Models {
		a.models[m.Artefact] = record[ledger.ModelVersion]{m, tx, block}
	}
	for _, s := range tx.Models.Statuses {
		a.statuses[s.Artefact] = s
	}
	for _, r := range tx.Models.Revocations {
		a.revoked[r.Artefact] = r
	}
	for _, e := range tx.Models.Evaluations {
		a.evaluations = append(a.evaluations, record[ledger.Evaluation]{e, tx, block})
	}
	for _, c := range tx.Models.Chunks {
		a.chunks[sha256.Sum256(c.Bytes)] = block
	}
	for _, v := range tx.Verdicts {
		if v.Shipment != a.name.Shipment || v.Window != a.name.Window || a.name.Model != "" && v.Model != a.name.Model {
			continue
		}
		if a.verdict != nil && a.verdict.value.Model != v.Model {
			return fmt.Errorf("%w: %s and %s have judged window %d of %s; name the model", ErrUnknown, a.verdict.value.Model, v.Model, v.Window, v.Shipment)
		}
		a.verdict = &record[ledger.Verdict]{v, tx, block}
	}
	return nil
}

func nameOf(id string, version uint32) string { return fmt.Sprintf("%s/%d", id, version) }

// artefact gives the model as it lies on the ledger.
func (a *auditor) artefact(ctx context.Context) (*score.Model, error) {
	name := a.verdict.value.Model
	_, digest, ok := ledger.ArtefactOf(name)
	if !ok {
		return nil, fmt.Errorf("%w: %s names no artefact by its digest", ErrModel, name)
	}
	registered, ok := a.models[digest]
	if !ok {
		if a.program.Shipped != nil && a.program.Shipped.Digest() == digest {
			return a.program.Shipped, nil
		}
		return nil, fmt.Errorf("%w: %s is not registered", ErrModel, name)
	}
	return a.registered(ctx, registered.value)
}

// registered gives the model of a version as it lies on the ledger, nil if what lies there is none.
func (a *auditor) registered(ctx context.Context, m ledger.ModelVersion) (*score.Model, error) {
	digest := m.Artefact
	a.report.Model = &m
	if s, ok := a.statuses[digest]; ok {
		a.report.Standing = &s
	}
	if r, ok := a.revoked[digest]; ok {
		a.report.Revoked = &r
	}
	parts := map[ledger.Digest][]byte{}
	for _, chunk := range m.Chunks {
		at, ok := a.chunks[chunk]
		if !ok || parts[chunk] != nil {
			continue
		}
		err := a.each(ctx, "artefact", at, at+1, func(b Block) (bool, error) {
			for _, tx := range b.Transactions {
				for _, c := range tx.Models.Chunks {
					parts[sha256.Sum256(c.Bytes)] = c.Bytes
				}
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	// A version whose record says otherwise than its chunks is what an audit is to find.
	var bytes []byte
	for _, chunk := range m.Chunks {
		bytes = append(bytes, parts[chunk]...)
	}
	model, err := score.ParseModel(bytes)
	if err != nil {
		a.differs(subjectModel(m), "chunks", Recomputed, "an artefact", err.Error())
		return nil, nil //nolint:nilnil // the model is trained anew all the same
	}
	a.check(subjectModel(m), "artefact on the ledger", Recomputed, m.Artefact.String(), model.Digest().String())
	return model, nil
}

func subjectModel(m ledger.ModelVersion) string { return "model " + m.Ref().String() }

// again reads the ledger once more, rebuilds, retrains, rescores and compares.
func (a *auditor) again(ctx context.Context, model *score.Model) error {
	recorded := a.verdict.value
	if err := a.transaction("verdict", a.verdict.tx, recorded.Scorer, nil, recorded.At, recorded.TxID); err != nil {
		return err
	}
	if err := a.signed("verdict", a.verdict.tx, recorded); err != nil {
		return err
	}
	snapshots, builders, err := a.training()
	if err != nil {
		return err
	}
	fitted := len(builders)
	evaluated, err := a.evaluatedOn(&snapshots, &builders)
	if err != nil {
		return err
	}
	var docket *scorer.Docket
	if model != nil {
		docket = scorer.NewDocketOf(model, feature.DefaultLimits(), recorded.Shipment)
	}
	var judged *ledger.Verdict
	results, err := a.rebuild(ctx, snapshots, builders, a.verdict.block+1, func(b Block) error {
		if b.Number > a.verdict.block {
			return nil
		}
		for i := range b.Transactions {
			tx := b.Transactions[i].Transaction
			a.report.Readings += readings(recorded, tx.Segments)
			if docket == nil {
				continue
			}
			for _, v := range docket.Apply(b.Number, tx) {
				if v.Window == recorded.Window && judged == nil {
					judged = &v
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if a.report.Model != nil {
		if err := a.retrain(ctx, results[:fitted]); err != nil {
			return err
		}
		if err := a.measure(ctx, model, evaluated, results); err != nil {
			return err
		}
	}
	switch {
	case model == nil:
		a.differs("verdict", "all", Recomputed, recorded.Model, "the artefact on the ledger is no model")
	case judged == nil:
		a.differs("verdict", "window", Recomputed, strconv.FormatUint(uint64(recorded.Window), 10), "no judgement was due up to the verdict's block")
	default:
		a.compare("verdict", Recomputed, recorded.Stated(), *judged)
	}
	return nil
}

// readings counts those of segments that are a verdict's evidence.
func readings(v ledger.Verdict, segments []wire.RecordedSegment) (n uint64) {
	for _, s := range segments {
		for _, r := range v.Segments {
			if r.Device == s.Segment.Device && s.Segment.Seq >= r.First && s.Segment.Seq <= r.Last {
				n += uint64(len(s.Segment.Times))
			}
		}
	}
	return n
}

// training makes a builder for each snapshot that the model was fitted to.
func (a *auditor) training() ([]record[ledger.DatasetSnapshot], []*dataset.Builder, error) {
	if a.report.Model == nil {
		return nil, nil, nil
	}
	m := a.models[a.report.Model.Artefact]
	subject := subjectModel(m.value)
	if err := a.transaction(subject, m.tx, m.value.MSPID, &m.value.By, m.value.At, m.value.TxID); err != nil {
		return nil, nil, err
	}
	if err := a.signed(subject, m.tx, m.value); err != nil {
		return nil, nil, err
	}
	return a.snapshots(subject, m.value.Training, true)
}

// snapshots makes a builder for each snapshot that a subject names, unless there is none to make.
func (a *auditor) snapshots(subject string, refs []ledger.DatasetRef, histories bool) ([]record[ledger.DatasetSnapshot], []*dataset.Builder, error) {
	var snapshots []record[ledger.DatasetSnapshot]
	var builders []*dataset.Builder
	for _, ref := range refs {
		d, ok := a.datasets[nameOf(ref.ID, ref.Version)]
		if !ok {
			a.differs(subject, "training", Recomputed, nameOf(ref.ID, ref.Version), "no such snapshot is on the ledger")
			continue
		}
		a.report.Datasets = append(a.report.Datasets, d.value)
		name := "data set " + nameOf(ref.ID, ref.Version)
		a.check(subject, "root of "+name, Recomputed, ref.Root.String(), d.value.Root.String())
		if err := a.transaction(name, d.tx, d.value.MSPID, &d.value.By, d.value.At, d.value.TxID); err != nil {
			return nil, nil, err
		}
		if err := a.signed(name, d.tx, d.value); err != nil {
			return nil, nil, err
		}
		of, err := dataset.SelectionOf(d.value)
		if err == nil && of.To > d.block {
			err = fmt.Errorf("%w: it ends with block %d and was frozen in block %d", dataset.ErrRange, of.To, d.block)
		}
		var b *dataset.Builder
		if err == nil {
			b, err = dataset.NewBuilder(of, histories)
		}
		if err != nil {
			a.differs(name, "range", Recomputed, fmt.Sprintf("blocks %d to before %d, query %q", d.value.From, d.value.To, d.value.Query), err.Error())
			continue
		}
		snapshots, builders = append(snapshots, d), append(builders, b)
	}
	return snapshots, builders, nil
}

// snapshot compares a rebuilt snapshot; nil if it cannot be rebuilt.
func (a *auditor) snapshot(d record[ledger.DatasetSnapshot], b *dataset.Builder) (*dataset.Result, error) {
	name := "data set " + nameOf(d.value.ID, d.value.Version)
	r, err := b.Finish()
	if errors.Is(err, dataset.ErrRange) {
		a.differs(name, "range", Recomputed, fmt.Sprintf("blocks %d to before %d", d.value.From, d.value.To), err.Error())
		return nil, nil //nolint:nilnil // the report says so
	}
	if err != nil {
		return nil, err
	}
	made := d.value.Stated()
	s := r.Snapshot
	made.Root, made.Events, made.Segments, made.Bytes, made.Block, made.Schema, made.Features = s.Root, s.Events, s.Segments, s.Bytes, s.Block, s.Schema, s.Features
	a.compare(name, Recomputed, d.value.Stated(), made)
	return r, nil
}

// retrain makes the model again and compares its record.
func (a *auditor) retrain(ctx context.Context, results []*dataset.Result) error {
	m := a.report.Model.Stated()
	subject := subjectModel(m)
	results = slices.DeleteFunc(slices.Clone(results), func(r *dataset.Result) bool { return r == nil })
	if len(results) != len(m.Training) {
		a.differs(subject, "artefact", Recomputed, m.Artefact.String(), "its snapshots cannot all be rebuilt")
		return nil
	}
	recipe, err := provenance.RecipeOf(m)
	if err != nil {
		a.differs(subject, "parameters", Recomputed, fmt.Sprint(m.Parameters), err.Error())
		return nil
	}
	refs := make([]ledger.DatasetRef, len(results))
	for i, r := range results {
		refs[i] = ledger.DatasetRef{ID: m.Training[i].ID, Version: m.Training[i].Version, Root: r.Snapshot.Root}
	}
	a.report.Journeys = len(dataset.Merge(results, recipe.Below))
	trained, err := recipe.Fit(ctx, refs, results)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.differs(subject, "artefact", Recomputed, m.Artefact.String(), "training fails: "+err.Error())
		return nil //nolint:nilerr // the report says so
	}
	_, chunks, err := ledger.CutArtefact(trained.Bytes())
	if err != nil {
		return err
	}
	made := m
	made.Artefact, made.Size, made.Chunks, made.Format, made.Training = trained.Digest(), uint64(len(trained.Bytes())), chunks, score.Format, refs
	made.Features, made.Parameters, made.Thresholds = results[0].Snapshot.Features, recipe.Parameters(), provenance.Thresholds(trained)
	made.Code = a.program.Code
	made.Code.Command, made.Code.Platform = m.Code.Command, m.Code.Platform // that of the submitter; another may give no other artefact
	a.compare(subject, Recomputed, m, made)
	return nil
}
