package ledger

import "slices"

// Reputation is how a scorer has done. It is a sum over tasks, which each leave facts of their own; nobody counts it
// up on the ledger.
type Reputation struct {
	Account Digest `cbor:"1,keyasint"`
	Right   uint64 `cbor:"2,keyasint"` // answers that became final
	Wrong   uint64 `cbor:"3,keyasint"` // proven wrong
	Other   uint64 `cbor:"4,keyasint"` // other answers than the final one, not proven wrong
	Silent  uint64 `cbor:"5,keyasint"` // commitments that were not revealed
	Truths  uint64 `cbor:"6,keyasint"` // inspections
	Brier   uint64 `cbor:"7,keyasint"` // sum of their losses, millionths
}

// Settle adds how a task ended for the scorer.
func (r Reputation) Settle(v TaskView) Reputation {
	s := v.Settlement
	if s == nil || v.Closing == nil || !slices.Contains(v.Closing.Committed, r.Account) {
		return r
	}
	i := slices.IndexFunc(v.Reveals, func(o Reveal) bool { return o.Account == r.Account })
	switch {
	case slices.Contains(s.Wrong, r.Account):
		r.Wrong++
	case i < 0:
		r.Silent++
	case slices.Contains(s.Right, r.Account):
		r.Right++
	case s.Answer == nil || s.By == SettledBlend:
	case v.Reveals[i].Answer == *s.Answer: // revealed after the ruling
		r.Right++
	case s.Prover != nil:
		r.Wrong++
	default:
		r.Other++
	}
	return r
}

// Inspect adds how far the scorer was from what an inspection said.
func (r Reputation) Inspect(i Inspection) Reputation {
	for _, loss := range i.Losses {
		if loss.Account == r.Account {
			r.Truths++
			r.Brier += uint64(loss.Brier) //nolint:gosec // 0 to a million
		}
	}
	return r
}

// Score is from 0 to 1,000,000: the share of tasks that it did right, as if it had done one right and one wrong before
// the first, times the mean of what inspections left of it.
func (r Reputation) Score() uint64 {
	tasks := (r.Right + 1) * million / (r.Right + r.Wrong + r.Other + r.Silent + 2)
	truths := (r.Truths+1)*million - r.Brier
	return tasks * (truths / (r.Truths + 1)) / million
}
