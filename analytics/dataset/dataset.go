// Package dataset makes a data set snapshot of a ledger: the canonical bytes of what a range of blocks
// recorded, the RFC 6962 root over them, and the journeys that a model is fitted to. It is a function of
// the verified blocks and of what the snapshot says of itself, so whoever has the ledger makes the same
// snapshot, leaf by leaf. It does no input or output but to read blocks, and knows no clock. It may
// import epcis, ledger, wire, transparency-dev/merkle and, of analytics, feature, score and train.
package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Errors of this package.
var (
	// ErrQuery says that a query is not one, or not in its one spelling.
	ErrQuery = errors.New("WB_DATASET_QUERY: not a data set's query")
	// ErrRange says that the ledger does not hold the blocks asked for, or nothing in them.
	ErrRange = errors.New("WB_DATASET_RANGE: the range of blocks")
	// ErrMismatch says that the ledger gives another snapshot than the one recorded.
	ErrMismatch = errors.New("WB_DATASET_MISMATCH: the snapshot is not what the ledger gives")
)

// Schema names the form of a leaf. A change of the form is another schema.
const Schema = "waybill-dataset/2"

// maxLeaves bounds what one snapshot holds.
const maxLeaves = 50_000_000

// Block is a verified block: what its valid transactions recorded, in order.
type Block struct {
	Number       uint64
	Hash         ledger.Digest
	Transactions []wire.Transaction
}

// Source yields verified blocks in order, from the one of the number on, and ends with the error that
// stopped it. It may wait for blocks that are not there yet.
type Source interface {
	Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error]
}

// Selection says what of a ledger belongs to a snapshot.
type Selection struct {
	From, To uint64 // the blocks From to To-1
	Query    Query
}

// SelectionOf reads the selection of a recorded snapshot.
func SelectionOf(d ledger.DatasetSnapshot) (Selection, error) {
	q, err := ParseQuery(d.Query)
	return Selection{From: d.From, To: d.To, Query: q}, err
}

// specification is what Features digests: everything outside of a model that decides what a ledger's
// records say to it.
type specification struct {
	Name       string         `json:"specification"`
	Leaves     string         `json:"leaves"`
	Model      string         `json:"model_format"`
	Kinds      []string       `json:"input_kinds"`
	Quantities []string       `json:"quantities"`
	Limits     feature.Limits `json:"tracker_limits"`
	Places     int            `json:"most_places"`
	Text       int            `json:"most_text"`
}

// Features gives the specification of the features that journeys are read as, in its canonical form, and
// its digest. The name goes up when feature.Tracker reads the same records differently.
func Features() (text []byte, digest ledger.Digest, err error) {
	s := specification{
		Name: "waybill-features/1", Leaves: Schema, Model: score.Format,
		Kinds: []string{
			"1 policy", "2 bind", "3 unbind", "4 shipped", "5 received", "6 readings", "7 finding", "8 ended", "9 step", "10 withdrawn", "11 closed", "12 reopened",
		},
		Quantities: []string{
			"1 temperature in thousandths of a degree Celsius", "2 relative humidity in thousandths of a percent",
			"3 shock in thousandths of standard gravity", "4 light in thousandths of lux", "5 door, 1000 open",
		},
		Limits: feature.DefaultLimits(), Places: feature.MaxPlaces, Text: feature.MaxText,
	}
	text, err = json.Marshal(s)
	if err != nil {
		return nil, ledger.Digest{}, fmt.Errorf("dataset: %w", err)
	}
	return text, sha256.Sum256(text), nil
}

// Differences lists, field by field, where a recorded snapshot is not what the ledger gives; made is
// what Build made of its selection.
func Differences(recorded, made ledger.DatasetSnapshot) []Difference {
	var out []Difference
	add := func(field string, r, m any) {
		if r != m {
			out = append(out, Difference{Field: field, Recorded: fmt.Sprint(r), Made: fmt.Sprint(m)})
		}
	}
	add("root", recorded.Root, made.Root)
	add("events", recorded.Events, made.Events)
	add("segments", recorded.Segments, made.Segments)
	add("bytes", recorded.Bytes, made.Bytes)
	add("from", recorded.From, made.From)
	add("to", recorded.To, made.To)
	add("block", recorded.Block, made.Block)
	add("query", recorded.Query, made.Query)
	add("schema", recorded.Schema, made.Schema)
	add("features", recorded.Features, made.Features)
	return out
}

// Difference is a field that is recorded otherwise than it is made again.
type Difference struct{ Field, Recorded, Made string }
