package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill"
	"github.com/waybill-dev/waybill/analytics/audit"
	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/provenance"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// openStream opens an organisation's block stream, every block of which is verified.
func (a *app) openStream(onRetry func(error)) (stream *blocks.Stream, p *profile.Profile, release func(), err error) {
	if p, err = a.loadProfile(); err != nil {
		return nil, nil, nil, err
	}
	identity := a.identity
	if identity == "" {
		identity = profile.IdentityService
	}
	client, err := fabric.Dial(p, identity, fabric.Options{})
	if err != nil {
		return nil, nil, nil, err
	}
	stream, err = blocks.Open(p, client, blocks.Options{OnRetry: func(_ string, cause error) { onRetry(cause) }})
	if err != nil {
		return nil, nil, nil, errors.Join(err, client.Close())
	}
	return stream, p, func() { _ = client.Close() }, nil
}

// openAudit opens an organisation's ledger as audits read it: with what submitters signed.
func (a *app) openAudit(cmd *cobra.Command) (source audit.Source, release func(), err error) {
	if a.ledger != nil {
		return recordedLedger{a.ledger}, func() {}, nil
	}
	stream, p, release, err := a.openStream(func(cause error) { a.sayRetry(cmd.ErrOrStderr(), cause) })
	if err != nil {
		return nil, nil, err
	}
	return streamedLedger{stream, p.Chaincode}, release, nil
}

// sayRetry tells of a peer that failed or whose block does not verify; the stream goes on with another.
func (a *app) sayRetry(w io.Writer, cause error) {
	if !a.quiet {
		fmt.Fprintf(w, "reading the ledger: trying again: %s\n", printable(plain(cause).Error()))
	}
}

// streamedLedger is a verified block stream as audits read it.
type streamedLedger struct {
	stream    *blocks.Stream
	chaincode string
}

func (s streamedLedger) Height(ctx context.Context) (uint64, error) { return s.stream.Height(ctx) }

func (s streamedLedger) Blocks(ctx context.Context, from uint64) iter.Seq2[audit.Block, error] {
	return func(yield func(audit.Block, error) bool) {
		for raw, err := range s.stream.Blocks(ctx, from) {
			if err != nil {
				yield(audit.Block{}, err)
				return
			}
			b, err := s.read(raw)
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

func (s streamedLedger) read(raw blocks.Block) (audit.Block, error) {
	b := audit.Block{Number: raw.Number, Hash: raw.Hash}
	for _, t := range raw.Transactions {
		if !t.Valid || t.Chaincode != s.chaincode || t.Event == nil {
			continue
		}
		content, err := wire.ReadTransaction(t.Event, func(yield func(string, []byte) bool) {
			for _, w := range t.Writes {
				if !w.Delete && !yield(w.Key, w.Value) {
					return
				}
			}
		})
		if err != nil {
			return audit.Block{}, fmt.Errorf("%w: %s in block %d: %w", readmodel.ErrUnreadable, t.ID, raw.Number, err)
		}
		b.Transactions = append(b.Transactions, audit.Transaction{
			Transaction: content, ID: t.ID, MSPID: t.CreatorMSP, At: ledger.MillisOf(t.Time),
			Submitted: func() (audit.Submission, error) {
				p, err := raw.Proposal(t.Index)
				if err != nil {
					return audit.Submission{}, err
				}
				return audit.Submission{Function: p.Function, Arguments: p.Arguments, Subject: p.Creator.Subject.CommonName}, nil
			},
		})
	}
	return b, nil
}

// recordedLedger is a test's ledger as audits read it.
type recordedLedger struct{ verifiedLedger }

func (r recordedLedger) Blocks(ctx context.Context, from uint64) iter.Seq2[audit.Block, error] {
	return func(yield func(audit.Block, error) bool) {
		for raw, err := range r.verifiedLedger.Blocks(ctx, from) {
			b := audit.Block{Number: raw.Number, Hash: raw.Hash}
			for _, t := range raw.Transactions {
				b.Transactions = append(b.Transactions, audit.Transaction{Transaction: t.Transaction, ID: t.TxID, MSPID: t.MSPID, At: t.At})
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// datasetLedger is an audit's ledger as snapshots are built from it.
type datasetLedger struct{ audit.Source }

func (d datasetLedger) Blocks(ctx context.Context, from uint64) iter.Seq2[dataset.Block, error] {
	return func(yield func(dataset.Block, error) bool) {
		for raw, err := range d.Source.Blocks(ctx, from) {
			b := dataset.Block{Number: raw.Number, Hash: raw.Hash}
			for _, t := range raw.Transactions {
				b.Transactions = append(b.Transactions, t.Transaction)
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// trainingCode says what this program trains with.
func trainingCode(command string) (ledger.TrainingCode, error) {
	source, err := waybill.TrainingSource()
	if err != nil {
		return ledger.TrainingCode{}, err
	}
	return provenance.Code(source, command)
}

// auditing is this program as an auditor, with a bar of its progress.
func (a *app) auditing(cmd *cobra.Command) (p audit.Program, finish func(), err error) {
	if p.Code, err = trainingCode(""); err != nil {
		return p, nil, err
	}
	if p.Shipped, err = score.Default(); err != nil {
		return p, nil, err
	}
	var bar *progress
	stage, done := "", uint64(0)
	p.Progress = func(now string, at, of uint64, transactions int) {
		if now != stage {
			if bar != nil {
				bar.finish()
			}
			stage, done = now, 0
			bar = newProgress(cmd.ErrOrStderr(), a.quiet, now, int64(of), "blocks", "transactions") //nolint:gosec // a ledger's height
		}
		bar.addExtra(int64(transactions))
		bar.add(int64(at - done)) //nolint:gosec // as above
		done = at
	}
	return p, func() {
		if bar != nil {
			bar.finish()
		}
	}, nil
}

// stampOf is a time of the ledger for people.
func stampOf(at ledger.Millis) string { return time.UnixMilli(int64(at)).UTC().Format(time.RFC3339) }
