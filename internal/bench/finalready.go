package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

// ErrNotReady says what a network lacks that is to be measured.
var ErrNotReady = errors.New("WB_BENCH_NOT_READY: no verdict can become final here")

// evaluator asks a peer.
type evaluator interface {
	Evaluate(ctx context.Context, function string, arguments ...[]byte) ([]byte, error)
}

// readyForFinals holds that a policy is in force and that a task would find its least panel. Whether the scorers' servers
// run, no peer knows.
func readyForFinals(ctx context.Context, peer evaluator) error {
	policy, err := asked(ctx, peer, wire.Decode[ledger.ScoringPolicy], wire.FnGetScoringPolicy, "")
	if err != nil {
		return err
	}
	if policy == nil {
		return fmt.Errorf("%w: no scoring policy is in force", ErrNotReady)
	}
	all, err := asked(ctx, peer, wire.Decode[wire.Scorers], wire.FnGetScorers)
	if err != nil {
		return err
	}
	var able, unable []string
	if all != nil {
		for _, s := range all.Scorers {
			stake, err := asked(ctx, peer, wire.Decode[ledger.Stake], wire.FnGetStake, s.Account.String())
			switch {
			case err != nil:
				return err
			case !s.Active:
				unable = append(unable, s.MSPID+" has left")
			case stake == nil || stake.Bonded < policy.MinStake:
				bonded := ledger.Credits(0)
				if stake != nil {
					bonded = stake.Bonded
				}
				unable = append(unable, fmt.Sprintf("%s has %d bonded", s.MSPID, bonded))
			case !slices.Contains(able, s.MSPID):
				able = append(able, s.MSPID)
			}
		}
	}
	if len(able) >= policy.LeastPanel() {
		return nil
	}
	slices.Sort(able)
	slices.Sort(unable)
	return fmt.Errorf("%w: a task takes scorers of %d organisations with %d credits bonded each; there are %d: %s; of the others: %s", ErrNotReady,
		policy.LeastPanel(), policy.MinStake, len(able), orNone(able), orNone(unable))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// asked asks a peer for one thing, nil if it is not there.
func asked[T any](ctx context.Context, peer evaluator, decode func([]byte, int) (T, error), function string, arguments ...string) (*T, error) {
	raw := make([][]byte, len(arguments))
	for i, a := range arguments {
		raw[i] = []byte(a)
	}
	answer, err := peer.Evaluate(ctx, function, raw...)
	if err != nil {
		if refused, ok := errors.AsType[*fabric.Error](err); ok && refused.Code == ledger.CodeNotFound {
			return nil, nil //nolint:nilnil // what is not there is no error
		}
		return nil, fmt.Errorf("%s: %w", function, err)
	}
	value, err := decode(answer, wire.MaxStoredBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", function, err)
	}
	return &value, nil
}

// stuck says how far the windows came that have no final verdict.
func (f *finals) stuck() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var recorded, opened, committed, closed, revealed int
	for _, s := range f.spans {
		for _, step := range []struct {
			reached bool
			count   *int
		}{
			{!s.recorded.IsZero(), &recorded},
			{!s.opened.IsZero(), &opened},
			{!s.committed.IsZero(), &committed},
			{!s.closed.IsZero(), &closed},
			{!s.revealed.IsZero(), &revealed},
		} {
			if step.reached {
				*step.count++
			}
		}
	}
	return fmt.Sprintf("of %d windows %d are recorded, %d have an open task, %d the commitments of all its panel, %d are closed, %d have every answer; %d verdicts were one organisation's word",
		len(f.spans), recorded, opened, committed, closed, revealed, f.alone)
}
