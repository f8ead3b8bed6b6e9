package anchor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// State is how an organisation's roots stand to this node's.
type State string

// The states.
const (
	// Nothing is of an organisation that has anchored nothing, of which a majority has not anchored more for long.
	Nothing State = "nothing"
	Agrees  State = "agrees"  // its last root is this node's
	Differs State = "differs" // its last root is not this node's
	Late    State = "late"    // it has not anchored what a majority has, for a while
	Absent  State = "absent"  // it has not anchored what a majority has, for a long while, or never anchored
)

// Standing is how one organisation stands.
type Standing struct {
	MSPID string
	State State
	Why   string              // a sentence for a person; empty for one that agrees or has anchored nothing yet
	Last  *readmodel.Anchored // nil if it has anchored none
	// BehindBlocks and BehindLeaves are how far its last root is behind the agreed one.
	BehindBlocks, BehindLeaves uint64
	// Since is when what is wrong began: its first false root after its last true one was recorded, or a
	// majority had anchored what it has not; 0 for one that agrees.
	Since ledger.Millis
	// FalseRoots counts the roots that it ever anchored and that are not this node's; LastFalse is the last.
	FalseRoots int
	LastFalse  *readmodel.Anchored
}

// Agreement is a root that a majority of the organisations anchored.
type Agreement struct {
	Root    ledger.Root
	Anchors []readmodel.Anchored // of those that anchored it, by MSP ID
	At      ledger.Millis        // when the majority was reached
}

// Own reports whether it is this node's root too.
func (a Agreement) Own() bool { return a.Anchors[0].Agrees() }

// agreements finds the roots that a majority of the organisations anchored, in the order in which
// their heights come.
func agreements(anchors []readmodel.Anchored, organisations []string) (out []Agreement) {
	for len(anchors) > 0 {
		height := anchors[0].Root.Height
		n := slices.IndexFunc(anchors, func(a readmodel.Anchored) bool { return a.Root.Height != height })
		if n < 0 {
			n = len(anchors)
		}
		if a, ok := agreement(anchors[:n], organisations); ok {
			out = append(out, a)
		}
		anchors = anchors[n:]
	}
	return out
}

// agreement finds the root that a majority anchored among those of one height.
func agreement(anchors []readmodel.Anchored, organisations []string) (Agreement, bool) {
	same := map[ledger.Root][]readmodel.Anchored{}
	for _, a := range anchors {
		if slices.Contains(organisations, a.MSPID) {
			same[a.Root] = append(same[a.Root], a)
		}
	}
	need := proof.Majority(len(organisations))
	for root, by := range same {
		if len(by) < need {
			continue
		}
		times := make([]ledger.Millis, len(by))
		for i, a := range by {
			times[i] = a.RecordedAt
		}
		slices.Sort(times)
		slices.SortFunc(by, func(a, b readmodel.Anchored) int {
			if a.MSPID < b.MSPID {
				return -1
			}
			return 1
		})
		return Agreement{Root: root, Anchors: by, At: times[need-1]}, true
	}
	return Agreement{}, false
}

// Standings tells how every organisation stands, by MSP ID, and the last root that a majority of them
// anchored, nil if there is none.
func (s *Service) Standings(ctx context.Context) ([]Standing, *Agreement, error) {
	recent, err := s.cfg.Store.LatestAnchors(ctx, ^uint64(0), window)
	if err != nil {
		return nil, nil, err
	}
	agreed := agreements(recent, s.cfg.Organisations)
	wrong, err := s.cfg.Store.Disagreements(ctx)
	if err != nil {
		return nil, nil, err
	}
	now := s.cfg.Clock()
	var out []Standing
	for _, mspID := range s.cfg.Organisations {
		o := Standing{MSPID: mspID, State: Nothing, FalseRoots: wrong[mspID].Roots}
		if d, ok := wrong[mspID]; ok {
			o.LastFalse = &d.Last
		}
		last, err := s.cfg.Store.LastAnchor(ctx, mspID)
		if err == nil {
			o.Last, o.State = &last, Agrees
		} else if !errors.Is(err, readmodel.ErrNotFound) {
			return nil, nil, err
		}
		s.judge(&o, agreed, wrong[mspID].Since, now)
		out = append(out, o)
	}
	if len(agreed) == 0 {
		return out, nil, nil
	}
	return out, &agreed[0], nil
}

// judge sets an organisation's state; agreed is in falling order of height, and wrong since when it has
// anchored nothing but false roots.
func (s *Service) judge(o *Standing, agreed []Agreement, wrong ledger.Millis, now time.Time) {
	height, size := uint64(0), uint64(0)
	if o.Last != nil {
		height, size = o.Last.Root.Height, o.Last.Root.Size
		if !o.Last.Agrees() {
			o.State, o.Since = Differs, wrong
			o.Why = fmt.Sprintf("at height %d it anchored the root %s of %d leaves in transaction %s; %s", height, o.Last.Root.Hash, size, o.Last.TxID, ownWords(*o.Last))
			return
		}
	}
	var missed *Agreement // the first that it did not anchor
	for i := range agreed {
		if agreed[i].Root.Height <= height {
			break
		}
		missed = &agreed[i]
	}
	if missed == nil {
		return
	}
	last := agreed[0]
	o.BehindBlocks = last.Root.Height - height
	if last.Root.Size > size {
		o.BehindLeaves = last.Root.Size - size
	}
	overdue := now.Sub(missed.At.Time())
	if overdue >= min(s.cfg.LateAfter, s.cfg.AbsentAfter) {
		o.Since = missed.At
	}
	switch {
	case overdue >= s.cfg.AbsentAfter && o.Last == nil:
		o.State, o.Why = Absent, "it has never anchored a root; a majority has since "+missed.At.Time().Format(time.RFC3339)
	case overdue >= s.cfg.AbsentAfter:
		o.State, o.Why = Absent, fmt.Sprintf("it has anchored nothing since %s; it is %d blocks and %d leaves behind", o.Last.RecordedAt.Time().Format(time.RFC3339), o.BehindBlocks, o.BehindLeaves)
	case overdue >= s.cfg.LateAfter:
		o.State, o.Why = Late, fmt.Sprintf("it is %d blocks and %d leaves behind what a majority had anchored %s ago", o.BehindBlocks, o.BehindLeaves, overdue.Round(time.Second))
	}
}

func ownWords(a readmodel.Anchored) string {
	if a.Own == nil {
		return "this node has no root there"
	}
	if a.Own.Hash == a.Root.Hash && a.Own.Size == a.Root.Size {
		return "this node's is of another block or ledger"
	}
	return fmt.Sprintf("this node's is %s of %d leaves", a.Own.Hash, a.Own.Size)
}
