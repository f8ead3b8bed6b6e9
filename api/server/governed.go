package server

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// Governor puts what organisations govern on the ledger, in this organisation's name; gateway/submit
// implements it.
type Governor interface {
	Credits(ctx context.Context, operations []ledger.CreditOperation) ([]submit.Outcome, error)
	CreditMotions(ctx context.Context, motions []ledger.CreditMotion) ([]submit.Outcome, error)
	Chunks(ctx context.Context, chunks [][]byte) ([]submit.Outcome, error)
	Datasets(ctx context.Context, datasets []ledger.DatasetSnapshot) ([]submit.Outcome, error)
	Models(ctx context.Context, models []ledger.ModelVersion) ([]submit.Outcome, error)
	Evaluations(ctx context.Context, evaluations []ledger.Evaluation) ([]submit.Outcome, error)
	ModelMotions(ctx context.Context, motions []ledger.ModelMotion) ([]submit.Outcome, error)
}

// Books answers questions about what organisations govern; api/readmodel implements it.
type Books interface {
	Governed(ctx context.Context, f readmodel.RecordFilter, after readmodel.RecordKey, limit int) ([]readmodel.Governed, error)
	Balance(ctx context.Context, account ledger.Digest) (readmodel.Balance, error)
	CreditSums(ctx context.Context) (ledger.CreditSums, readmodel.Progress, error)
	Notes(ctx context.Context, account ledger.Digest, after ledger.NoteID, limit int) ([]ledger.NamedNote, error)
	Receipts(ctx context.Context, f readmodel.ReceiptFilter, page readmodel.Page) (readmodel.Rows[readmodel.Receipt], error)
}

// put puts inputs on the ledger and tells the answers.
func put[T any](ctx context.Context, s *Server, what string, batch []T, write func(context.Context, []T) ([]submit.Outcome, error)) ([]*waybillv1.GovernedResult, error) {
	if err := tooMany(what, len(batch), s.limits.Inputs); err != nil {
		return nil, err
	}
	if len(batch) == 0 {
		return nil, nil
	}
	outcomes, err := write(ctx, batch)
	if err = answersFit(len(outcomes), len(batch), err); err != nil {
		return nil, err
	}
	results := make([]*waybillv1.GovernedResult, len(outcomes))
	var block uint64
	for i, o := range outcomes {
		r := &waybillv1.GovernedResult{Index: uint64(i), Digest: hexadecimal(o.Digest)}
		if r.Status, r.Code, r.Message, err = answerOf(o); err != nil {
			return nil, err
		}
		r.TransactionId, r.Block = provenance(o)
		results[i] = r
		block = max(block, o.Block)
		s.metrics.answered(what, r.GetStatus())
	}
	s.readable(ctx, block)
	return results, nil
}

func hexadecimal(d ledger.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func hexOf(d *ledger.Digest) string {
	if d == nil {
		return ""
	}
	return d.String()
}

// bad refuses an argument that cannot be read.
func bad(err error) error {
	return refuse(codes.InvalidArgument, ledger.Code(err), "%s", err.Error())
}

// digestOf reads hexadecimal digits; "" is the zero digest.
func digestOf(what, text string) (ledger.Digest, error) {
	if text == "" {
		return ledger.Digest{}, nil
	}
	d, err := ledger.ParseDigest(text)
	if err != nil {
		return d, bad(fmt.Errorf("%s: %w", what, err))
	}
	return d, nil
}

// optionalDigest reads hexadecimal digits; "" is nil.
func optionalDigest(what, text string) (*ledger.Digest, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	d, err := digestOf(what, text)
	return &d, err
}

func noteIDs(texts []string) ([]ledger.NoteID, error) {
	out := make([]ledger.NoteID, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = ledger.ParseNoteID(text); err != nil {
			return nil, bad(err)
		}
	}
	return out, nil
}

// keyPage reads the key that the page before ended with.
func keyPage(req listRequest) (limit int, s scope, after readmodel.RecordKey, err error) {
	limit, s, place, err := page(req)
	if err == nil && place != nil && json.Unmarshal(place, &after) != nil {
		err = errToken()
	}
	return limit, s, after, err
}

// governedPage lists a page of records and gives the token of the next.
func governedPage[T wire.Governed](ctx context.Context, b Books, req listRequest, f readmodel.RecordFilter, tell func(T) error) (next string, err error) {
	limit, s, after, err := keyPage(req)
	if err != nil {
		return "", err
	}
	found, err := b.Governed(ctx, f, after, limit+1)
	if err != nil {
		return "", err
	}
	for i, g := range found {
		if i == limit {
			last, err := json.Marshal(found[i-1].Key)
			if err != nil {
				return "", err
			}
			return token(s, last), nil
		}
		v, err := wire.Decode[T](g.Value, wire.MaxStoredBytes)
		if err != nil {
			return "", fmt.Errorf("%w: %s %s %s: %w", readmodel.ErrCorrupt, f.Kind, g.Key.ID, g.Key.Sub, err)
		}
		if err := tell(v); err != nil {
			return "", err
		}
	}
	return "", nil
}

// allGoverned lists every record that a filter selects, of which there are few.
func allGoverned[T wire.Governed](ctx context.Context, b Books, f readmodel.RecordFilter) ([]T, error) {
	var out []T
	for after := (readmodel.RecordKey{}); ; {
		found, err := b.Governed(ctx, f, after, maxPage)
		if err != nil {
			return nil, err
		}
		for _, g := range found {
			v, err := wire.Decode[T](g.Value, wire.MaxStoredBytes)
			if err != nil {
				return nil, fmt.Errorf("%w: %s %s %s: %w", readmodel.ErrCorrupt, f.Kind, g.Key.ID, g.Key.Sub, err)
			}
			out = append(out, v)
			after = g.Key
		}
		if len(found) < maxPage {
			return out, nil
		}
	}
}

// lastGoverned gives the record that a filter selects last, nil if it selects none.
func lastGoverned[T wire.Governed](ctx context.Context, b Books, f readmodel.RecordFilter) (*T, error) {
	all, err := allGoverned[T](ctx, b, f)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[len(all)-1], nil
}

func notFound(format string, args ...any) error {
	return refuse(codes.NotFound, ledger.CodeNotFound, format, args...)
}

// ungoverned stands where a server has no Governor and no Books.
type ungoverned struct{}

func errUngoverned() error {
	return refuse(codes.Unimplemented, "WB_GOVERNED_NONE", "this server serves neither credits nor models nor scoring; another of the organisation's may")
}

func (ungoverned) Credits(context.Context, []ledger.CreditOperation) ([]submit.Outcome, error) {
	return nil, errUngoverned()
}

func (ungoverned) CreditMotions(context.Context, []ledger.CreditMotion) ([]submit.Outcome, error) {
	return nil, errUngoverned()
}

func (ungoverned) Chunks(context.Context, [][]byte) ([]submit.Outcome, error) {
	return nil, errUngoverned()
}

func (ungoverned) Datasets(context.Context, []ledger.DatasetSnapshot) ([]submit.Outcome, error) {
	return nil, errUngoverned()
}

func (ungoverned) Models(context.Context, []ledger.ModelVersion) ([]submit.Outcome, error) {
	return nil, errUngoverned()
}

func (ungoverned) Evaluations(context.Context, []ledger.Evaluation) ([]submit.Outcome, error) {
	return nil, errUngoverned()
}

func (ungoverned) ModelMotions(context.Context, []ledger.ModelMotion) ([]submit.Outcome, error) {
	return nil, errUngoverned()
}

func (ungoverned) Governed(context.Context, readmodel.RecordFilter, readmodel.RecordKey, int) ([]readmodel.Governed, error) {
	return nil, errUngoverned()
}

func (ungoverned) Balance(context.Context, ledger.Digest) (readmodel.Balance, error) {
	return readmodel.Balance{}, errUngoverned()
}

func (ungoverned) CreditSums(context.Context) (ledger.CreditSums, readmodel.Progress, error) {
	return ledger.CreditSums{}, readmodel.Progress{}, errUngoverned()
}

func (ungoverned) Notes(context.Context, ledger.Digest, ledger.NoteID, int) ([]ledger.NamedNote, error) {
	return nil, errUngoverned()
}

func (ungoverned) Receipts(context.Context, readmodel.ReceiptFilter, readmodel.Page) (readmodel.Rows[readmodel.Receipt], error) {
	return readmodel.Rows[readmodel.Receipt]{}, errUngoverned()
}

func (ungoverned) Tasks(context.Context, readmodel.TaskFilter, readmodel.Page) (readmodel.Rows[readmodel.Task], error) {
	return readmodel.Rows[readmodel.Task]{}, errUngoverned()
}

func (ungoverned) ChangedTasks(context.Context, readmodel.TaskFilter, readmodel.Page) (readmodel.Rows[readmodel.Task], error) {
	return readmodel.Rows[readmodel.Task]{}, errUngoverned()
}

func (ungoverned) Task(context.Context, ledger.Digest) (readmodel.Task, error) {
	return readmodel.Task{}, errUngoverned()
}

func (ungoverned) Finals(context.Context, string, *uint32, *readmodel.FinalKey, int) ([]readmodel.Final, error) {
	return nil, errUngoverned()
}

func (ungoverned) Final(context.Context, string, uint32, string) (readmodel.Final, error) {
	return readmodel.Final{}, errUngoverned()
}

func (ungoverned) Resting(context.Context, string, *readmodel.RestingKey, int) ([]readmodel.RestingVerdict, error) {
	return nil, errUngoverned()
}

func (ungoverned) ScoringEntries(context.Context, readmodel.EntryFilter, *readmodel.EntryKey, bool, int) ([]readmodel.ScoringEntry, error) {
	return nil, errUngoverned()
}

func (ungoverned) ScoringSums(context.Context, ledger.Digest) (readmodel.ScoringSums, error) {
	return readmodel.ScoringSums{}, errUngoverned()
}
