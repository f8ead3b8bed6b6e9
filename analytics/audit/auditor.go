package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

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
	models   map[ledger.ModelRef]record[ledger.ModelVersion]
	datasets map[string]record[ledger.DatasetSnapshot]
	statuses map[ledger.ModelRef]ledger.ModelStatus
	chunks   map[ledger.Digest]uint64 // the block that stored it

	evaluations []record[ledger.Evaluation]
	court       court
	fit         error // why the verdict's model was none for a verdict when it was recorded
}

func newAuditor(ctx context.Context, source Source, program Program) (*auditor, error) {
	a := &auditor{
		source: source, program: program, report: &Report{},
		models: map[ledger.ModelRef]record[ledger.ModelVersion]{}, datasets: map[string]record[ledger.DatasetSnapshot]{},
		statuses: map[ledger.ModelRef]ledger.ModelStatus{}, chunks: map[ledger.Digest]uint64{},
		court: newCourt(),
	}
	var err error
	a.height, err = source.Height(ctx)
	return a, err
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
	a.court.take(block, tx, a.name)
	for _, d := range tx.Models.Datasets {
		a.datasets[nameOf(d.ID, d.Version)] = record[ledger.DatasetSnapshot]{d, tx, block}
	}
	for _, m := range tx.Models.Models {
		a.models[m.Ref()] = record[ledger.ModelVersion]{m, tx, block}
	}
	for _, s := range tx.Models.Statuses {
		a.statuses[s.Model] = s
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
		if a.fit = ledger.ModelBegins(v.Model, &a.court.models); len(tx.Scoring.Settlements) > 0 {
			a.fit = ledger.ModelBlocked(v.Model, &a.court.models)
		}
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
	registered, found := a.versionOf(name)
	_, admitted := a.court.models.admitted[digest]
	switch {
	case (!admitted || !found) && a.program.Shipped != nil && a.program.Shipped.Digest() == digest:
		return a.program.Shipped, nil
	case !found:
		return nil, fmt.Errorf("%w: %s is not registered", ErrModel, name)
	}
	return a.registered(ctx, registered)
}

// versionOf gives the version that a model's name is of: the one that was approved, else the first that was submitted.
func (a *auditor) versionOf(name string) (found ledger.ModelVersion, ok bool) {
	id, artefact, _ := ledger.ArtefactOf(name)
	if admission, admitted := a.court.models.admitted[artefact]; admitted {
		m, known := a.models[admission.Model]
		return m.value, known && m.value.ID == id
	}
	for ref, m := range a.models {
		if ref.ID == id && m.value.Artefact == artefact && (!ok || ref.Version < found.Version) {
			found, ok = m.value, true
		}
	}
	return found, ok
}

// registered gives the model of a version as it lies on the ledger, nil if what lies there is none.
func (a *auditor) registered(ctx context.Context, m ledger.ModelVersion) (*score.Model, error) {
	digest := m.Artefact
	a.report.Model = &m
	if s, ok := a.statuses[m.Ref()]; ok {
		a.report.Standing = &s
	}
	if r, ok := a.court.models.revoked[digest]; ok {
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
	recorded, subject, last := a.verdict.value, "verdict", a.verdict.block
	final := a.court.final(recorded.Model)
	if final != nil {
		last = max(last, final.block)
		if stands := final.value.Verdict; stands != nil {
			subject = subjectOverruled
			a.report.Verdict, a.report.Block = *stands, final.block
			a.report.Verdict.Scorer, a.report.Verdict.At, a.report.Verdict.TxID = final.tx.MSPID, final.value.At, final.value.TxID
		}
	}
	if err := a.transaction(subject, a.verdict.tx, recorded.Scorer, nil, recorded.At, recorded.TxID); err != nil {
		return err
	}
	if err := a.signed(subject, a.verdict.tx, recorded); err != nil {
		return err
	}
	if a.fit != nil {
		a.differs(subject, "model", Recomputed, recorded.Model, a.fit.Error())
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
		if final != nil {
			docket = scorer.NewTaskDocketOf(model, feature.DefaultLimits(), recorded.Shipment)
		}
	}
	var judged *scorer.Due
	var times uint32 // of the readings that the task behind a final verdict lists
	results, err := a.rebuild(ctx, snapshots, builders, last+1, func(b Block) error {
		if b.Number > last {
			return nil
		}
		for i := range b.Transactions {
			tx := b.Transactions[i].Transaction
			a.report.Readings += readings(a.report.Verdict, tx.Segments)
			times += a.court.times(final, tx.Segments)
			if docket == nil {
				continue
			}
			for _, due := range docket.Judge(b.Number, tx) {
				if due.Verdict.Window == recorded.Window && judged == nil {
					judged = &due
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
	if final != nil {
		var alone *ledger.Verdict
		if a.verdict.tx.ID != final.value.TxID {
			alone = &recorded
		}
		if err := a.behind(*final, judged, times, alone); err != nil {
			return err
		}
	}
	if ended := a.court.ended(recorded.Model); final == nil && ended != nil {
		a.differs(subjectFinal, "all", Recomputed, "none", "task "+ended.value.Task.String()+" came to an answer")
	}
	switch {
	case model == nil:
		a.differs(subject, "all", Recomputed, recorded.Model, "the artefact on the ledger is no model")
	case judged == nil:
		a.differs(subject, "window", Recomputed, strconv.FormatUint(uint64(recorded.Window), 10), "no judgement was due up to block "+strconv.FormatUint(last, 10))
	default:
		a.compare(subject, Recomputed, recorded.Stated(), judged.Verdict)
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
