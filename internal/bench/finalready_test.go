package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

// founded is a peer's word on a policy, scorers and stakes.
type founded struct {
	policy  *ledger.ScoringPolicy
	scorers []ledger.Scorer
	stakes  map[ledger.Digest]ledger.Credits
	err     error
}

func (f founded) Evaluate(_ context.Context, function string, arguments ...[]byte) ([]byte, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case function == wire.FnGetScoringPolicy && f.policy != nil:
		return wire.Encode(*f.policy)
	case function == wire.FnGetScorers:
		return wire.Encode(wire.Scorers{Scorers: f.scorers})
	case function == wire.FnGetStake:
		account, err := ledger.ParseDigest(string(arguments[0]))
		if bonded, ok := f.stakes[account]; ok && err == nil {
			return wire.Encode(ledger.Stake{Account: account, Bonded: bonded})
		}
	}
	return nil, &fabric.Error{Op: "evaluate", Kind: fabric.ErrRefused, Code: ledger.CodeNotFound}
}

func TestANetworkThatCannotMakeAVerdictFinalIsNotMeasured(t *testing.T) {
	policy := &ledger.ScoringPolicy{Version: 1, MinStake: 100}
	scorers := []ledger.Scorer{
		{Account: ledger.Digest{1}, MSPID: "A", Active: true}, {Account: ledger.Digest{2}, MSPID: "B", Active: true}, {Account: ledger.Digest{3}, MSPID: "C", Active: true},
	}
	full := map[ledger.Digest]ledger.Credits{{1}: 100, {2}: 200, {3}: 100}
	if err := readyForFinals(t.Context(), founded{policy: policy, scorers: scorers, stakes: full}); err != nil {
		t.Error(err)
	}
	gone := append([]ledger.Scorer{}, scorers...)
	gone[2].Active = false
	for what, c := range map[string]struct {
		peer founded
		says []string
	}{
		"no policy":          {founded{scorers: scorers, stakes: full}, []string{"no scoring policy is in force"}},
		"no scorers":         {founded{policy: policy}, []string{"scorers of 3 organisations with 100 credits", "there are 0: none"}},
		"one has left":       {founded{policy: policy, scorers: gone, stakes: full}, []string{"there are 2: A, B", "C has left"}},
		"one has too little": {founded{policy: policy, scorers: scorers, stakes: map[ledger.Digest]ledger.Credits{{1}: 100, {2}: 99}}, []string{"B has 99 bonded", "C has 0 bonded"}},
	} {
		err := readyForFinals(t.Context(), c.peer)
		if !errors.Is(err, ErrNotReady) {
			t.Errorf("%s: %v", what, err)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if err := readyForFinals(t.Context(), founded{err: fabric.ErrUnavailable}); !errors.Is(err, fabric.ErrUnavailable) || errors.Is(err, ErrNotReady) {
		t.Errorf("no peer answers: %v", err)
	}
}

func TestWindowsWithoutAFinalVerdictTellHowFarTheyCame(t *testing.T) {
	f := newFinals(nil, 1)
	now := time.Now()
	f.spans[segmentKey{"d", 0}] = &span{sent: now}
	f.spans[segmentKey{"d", 1}] = &span{sent: now, recorded: now, opened: now}
	if told := f.stuck(); !strings.HasPrefix(told, "of 2 windows 1 are recorded, 1 have an open task, 0 the") {
		t.Error(told)
	}
}
