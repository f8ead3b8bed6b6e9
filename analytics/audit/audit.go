// Package audit makes a verdict again from nothing but the ledger: it rebuilds the snapshots that the
// verdict's model was fitted to, trains the model anew, rescores the shipment, and compares every field of
// what is recorded with what comes out, with what the transaction says of itself, and with what its
// submitter signed. It may import ledger, wire and everything under analytics; it knows no Fabric and no
// clock.
package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/score"
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
	Verdict  ledger.Verdict       // the final one where that overruled another
	Block    uint64               // that recorded it
	Task     *Task                // behind the final verdict; nil: it is one organisation's word
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
