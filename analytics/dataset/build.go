package dataset

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/train"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Builder takes the blocks of a ledger in order, from First on, and gives the snapshot of a selection.
// It is not safe for concurrent use.
type Builder struct {
	of        Selection
	histories bool
	next      uint64
	last      ledger.Digest // hash of the last block taken
	tree      *tree
	pending   []summed // of a query, until it is known which journeys it chooses

	tracker  *feature.Tracker
	model    *score.Model
	journeys []*journey          // that ended, or are under way
	current  map[string]*journey // by shipment
	stands   standing
}

// journey is one of a container's journeys.
type journey struct {
	ordinal  int // among all of the ledger, from 0
	shipment string
	inputs   []feature.Input
	ended    bool
	endedIn  uint64 // block
}

// NewBuilder makes a builder. Histories says that journeys are wanted too, for which it follows the
// ledger from its first block.
func NewBuilder(of Selection, histories bool) (*Builder, error) {
	if of.From >= of.To {
		return nil, fmt.Errorf("%w: blocks %d to before %d", ErrRange, of.From, of.To)
	}
	if _, err := ParseQuery(of.Query.String()); err != nil {
		return nil, err
	}
	b := &Builder{of: of, histories: histories, tree: newTree()}
	if b.follows() {
		b.tracker = feature.NewTracker(feature.DefaultLimits())
		b.model = score.Draft(score.BaseParameters("draft"))
		b.current, b.stands = map[string]*journey{}, newStanding()
	} else {
		b.next = of.From
	}
	return b, nil
}

// follows reports whether journeys matter, which begin with the ledger.
func (b *Builder) follows() bool { return b.histories || !b.of.Query.IsZero() }

// First is the block to begin with.
func (b *Builder) First() uint64 { return b.next }

// To is the first block that does not belong to it.
func (b *Builder) To() uint64 { return b.of.To }

// Done reports whether all blocks were taken.
func (b *Builder) Done() bool { return b.next >= b.of.To }

// Apply takes the next block. Blocks beyond the selection change nothing.
func (b *Builder) Apply(block Block) error {
	if b.Done() {
		return nil
	}
	if block.Number != b.next {
		return fmt.Errorf("%w: block %d came where %d was asked for", ErrRange, block.Number, b.next)
	}
	b.next++
	b.last = block.Hash
	for i := range block.Transactions {
		tx := &block.Transactions[i]
		if b.follows() {
			b.stands.take(tx)
			for _, step := range b.tracker.Apply(block.Number, *tx) {
				b.step(block.Number, step)
			}
		}
		if block.Number < b.of.From {
			continue
		}
		leaves, err := leavesOf(block.Number, tx, !b.of.Query.IsZero())
		if err != nil {
			return err
		}
		for _, l := range leaves {
			if err := b.keep(l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Builder) keep(l leaf) error {
	if b.of.Query.IsZero() {
		return b.tree.add(l.sum())
	}
	if len(b.pending) >= maxLeaves {
		return fmt.Errorf("%w: more than %d records", ErrRange, maxLeaves)
	}
	b.pending = append(b.pending, l.sum())
	return nil
}

func (b *Builder) step(block uint64, step feature.Step) {
	switch step.Kind {
	case feature.StepOpen:
		j := &journey{ordinal: len(b.journeys), shipment: step.Shipment}
		b.journeys = append(b.journeys, j)
		b.current[step.Shipment] = j
	case feature.StepInput:
		j := b.current[step.Shipment]
		if j == nil {
			return
		}
		j.inputs = append(j.inputs, step.Input)
		switch step.Input.Kind {
		case feature.KindEnded:
			j.ended, j.endedIn = true, block
		case feature.KindReopened:
			j.ended = false
		default:
		}
	case feature.StepRetire:
		if j := b.current[step.Shipment]; j != nil && !j.ended && b.of.Query.IsZero() {
			j.inputs = nil // it was given up and will never be asked for
		}
		delete(b.current, step.Shipment)
	case feature.StepJudge:
	}
}

// chosen gives the journeys that the query is about.
func (b *Builder) chosen() []*journey {
	q := b.of.Query
	if q.IsZero() {
		return b.journeys
	}
	var out []*journey
	for _, j := range b.journeys {
		if !has(q.Shipments, j.shipment) {
			continue
		}
		var devices []string
		for i := range j.inputs {
			if d := j.inputs[i].Device; d != "" && !slices.Contains(devices, d) {
				devices = append(devices, d)
			}
		}
		policy, lane := b.kindOf(j)
		if has(q.Devices, devices...) && has(q.Policies, policy) && has(q.Lanes, lane) {
			out = append(out, j)
		}
	}
	return out
}

// kindOf gives the policy and the lane of a journey, as a verdict on it would.
func (b *Builder) kindOf(j *journey) (policy, lane string) {
	if len(b.of.Query.Policies)+len(b.of.Query.Lanes) == 0 {
		return "", ""
	}
	e := score.New(b.model, j.shipment, 0)
	for _, in := range j.inputs {
		if in.Kind != feature.KindReadings {
			_ = e.Observe(in) // what no engine takes decides nothing
		}
	}
	if p := e.Policy(); p != nil {
		policy = p.ID
	}
	lane, _ = e.Lane()
	return policy, lane
}

// reach is what the journeys that a query chose rest on.
type reach struct {
	shipments map[string]bool
	events    map[ledger.Digest]bool
	segments  map[ledger.Digest]bool
}

func reachOf(journeys []*journey) reach {
	r := reach{map[string]bool{}, map[ledger.Digest]bool{}, map[ledger.Digest]bool{}}
	for _, j := range journeys {
		r.shipments[j.shipment] = true
		for i := range j.inputs {
			if in := &j.inputs[i]; !in.Event.IsZero() {
				r.events[in.Event] = true
			}
			if in := &j.inputs[i]; !in.Segment.IsZero() {
				r.segments[in.Segment] = true
			}
		}
	}
	return r
}

func (r reach) holds(s *subject) bool {
	if s.always || r.events[s.event] || r.segments[s.segment] {
		return true
	}
	return slices.ContainsFunc(s.shipments, func(epc string) bool { return r.shipments[epc] })
}

// Result is a snapshot and what it gives to learn from.
type Result struct {
	// Snapshot holds what the ledger decides of it. Its name, licence and description are the caller's.
	Snapshot ledger.DatasetSnapshot
	Leaves   uint64
	// Journeys are those that ended in the range and that the query is about, in the order they ended.
	Journeys []Journey
}

// Journey is one that ended in a snapshot's range.
type Journey struct {
	train.History

	Ordinal int // among all journeys of the ledger, from 0: the same in every snapshot of it
	// Worst is the worst of what stands of its shipment: final verdicts, and single organisations' of a time without a scoring
	// policy where nothing is final.
	Worst ledger.VerdictLevel
}

// Accepted gives the histories of the journeys whose shipments had verdicts below a level only.
func (r *Result) Accepted(below ledger.VerdictLevel) []train.History {
	var out []train.History
	for _, j := range r.Journeys {
		if j.Worst < below {
			out = append(out, j.History)
		}
	}
	return out
}

// Finish gives the snapshot. The error is ErrRange if blocks are missing or there is nothing in them.
func (b *Builder) Finish() (*Result, error) {
	if !b.Done() {
		return nil, fmt.Errorf("%w: the ledger ends before block %d", ErrRange, b.of.To-1)
	}
	chosen := b.chosen()
	if !b.of.Query.IsZero() {
		within := reachOf(chosen)
		for i := range b.pending {
			if within.holds(&b.pending[i].subject) {
				if err := b.tree.add(b.pending[i]); err != nil {
					return nil, err
				}
			}
		}
	}
	if b.tree.events+b.tree.segments == 0 {
		return nil, fmt.Errorf("%w: no event and no segment in blocks %d to before %d", ErrRange, b.of.From, b.of.To)
	}
	root, err := b.tree.root()
	if err != nil {
		return nil, err
	}
	_, features, err := Features()
	if err != nil {
		return nil, err
	}
	r := &Result{Leaves: b.tree.edge.End(), Snapshot: ledger.DatasetSnapshot{
		Root: root, Events: b.tree.events, Segments: b.tree.segments, Bytes: b.tree.bytes, From: b.of.From, To: b.of.To, Block: b.last,
		Query: b.of.Query.String(), Schema: Schema, Features: features,
	}}
	if !b.histories {
		return r, nil
	}
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(j *journey) bool { return !j.ended || j.endedIn < b.of.From })
	slices.SortStableFunc(chosen, func(x, y *journey) int {
		return cmp.Or(cmp.Compare(x.endedIn, y.endedIn), cmp.Compare(x.ordinal, y.ordinal))
	})
	for _, j := range chosen {
		r.Journeys = append(r.Journeys, Journey{train.History{Shipment: j.shipment, Inputs: j.inputs}, j.ordinal, b.stands.worst(j.shipment)})
	}
	return r, nil
}

// Build reads the blocks of a selection and gives its snapshot; with histories, also its journeys.
func Build(ctx context.Context, source Source, of Selection, histories bool) (*Result, error) {
	b, err := NewBuilder(of, histories)
	if err != nil {
		return nil, err
	}
	for block, err := range source.Blocks(ctx, b.First()) {
		if err != nil {
			return nil, err
		}
		if err := b.Apply(block); err != nil {
			return nil, err
		}
		if b.Done() {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return b.Finish()
}

// Merge gives the journeys of several snapshots, each once, in the order of the snapshots.
func Merge(results []*Result, below ledger.VerdictLevel) []train.History {
	seen := map[int]bool{}
	var out []train.History
	for _, r := range results {
		for _, j := range r.Journeys {
			if !seen[j.Ordinal] && j.Worst < below {
				seen[j.Ordinal] = true
				out = append(out, j.History)
			}
		}
	}
	return out
}

// Leaves gives the canonical bytes of a range's records, of a selection without a query: what the
// snapshot's root is over, for those who want the data itself.
func Leaves(ctx context.Context, source Source, of Selection) ([][]byte, error) {
	if of.From >= of.To || !of.Query.IsZero() {
		return nil, fmt.Errorf("%w: blocks %d to before %d, query %q", ErrRange, of.From, of.To, of.Query)
	}
	var out [][]byte
	for block, err := range source.Blocks(ctx, of.From) {
		if err != nil {
			return nil, err
		}
		for i := range block.Transactions {
			leaves, err := leavesOf(block.Number, &block.Transactions[i], false)
			if err != nil {
				return nil, err
			}
			for _, l := range leaves {
				out = append(out, l.bytes)
			}
		}
		if block.Number+1 >= of.To {
			break
		}
	}
	return out, ctx.Err()
}
