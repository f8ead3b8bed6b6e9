package anchor

import (
	"context"
	"errors"
	"fmt"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Request says how facts are to be proven.
type Request struct {
	// Keys name the facts in the world state: wire.EventKey and its siblings.
	Keys []string
	// Height chooses the root; 0 for the last one that a majority anchored.
	Height uint64
	// Bare leaves the contents out.
	Bare bool
	// All encloses the signature of every organisation that agrees, not only of a majority.
	All bool
	// Organisations are those more than half of which anchored the root; nil: the Config's. The contract goes by the
	// keepers of the network's rules.
	Organisations []string
}

// Prove proves facts under a root that a majority of the organisations anchored. It fails with
// ErrNotAnchored where there is no such root yet, with ErrDisagrees where it is not this node's, and as
// readmodel.Store.ProofsOf does.
func (s *Service) Prove(ctx context.Context, r Request) (proof.Proof, error) {
	if len(r.Keys) == 0 || len(r.Keys) > proof.MaxLeaves {
		return proof.Proof{}, fmt.Errorf("%w: %d facts, from 1 to %d can be proven at once", ledger.ErrTooLarge, len(r.Keys), proof.MaxLeaves)
	}
	counts := s.cfg.Organisations
	if r.Organisations != nil {
		counts = r.Organisations
	}
	agreed, err := s.agreedAt(ctx, r.Height, counts)
	if err != nil {
		return proof.Proof{}, err
	}
	p, err := s.cfg.Store.ProofsOf(ctx, agreed.Root.Height, r.Keys)
	if errors.Is(err, readmodel.ErrNotYet) && r.Height == 0 {
		return proof.Proof{}, fmt.Errorf("%w: %w", ErrNotAnchored, err)
	}
	if err != nil {
		return proof.Proof{}, damaged(err)
	}
	if err := s.sign(&p.Roots[0], agreed, proof.Majority(len(counts)), r.All); err != nil {
		return proof.Proof{}, err
	}
	if r.Bare {
		for i := range p.Leaves {
			p.Leaves[i].Content = nil
		}
	}
	return p, nil
}

// Consistency proves that the log at a height continues that of an earlier one, both anchored by a
// majority; to may be 0 for the last such root.
func (s *Service) Consistency(ctx context.Context, from, to uint64, all bool) (proof.Proof, error) {
	first, err := s.agreedAt(ctx, from, s.cfg.Organisations)
	if err != nil {
		return proof.Proof{}, err
	}
	second, err := s.agreedAt(ctx, to, s.cfg.Organisations)
	if err != nil {
		return proof.Proof{}, err
	}
	p, err := s.cfg.Store.Consistency(ctx, first.Root.Height, second.Root.Height)
	if err != nil {
		return proof.Proof{}, damaged(err)
	}
	need := proof.Majority(len(s.cfg.Organisations))
	return p, errors.Join(s.sign(&p.Roots[0], first, need, all), s.sign(&p.Roots[1], second, need, all))
}

func damaged(err error) error {
	if errors.Is(err, readmodel.ErrCorrupt) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// agreedAt gives what a majority of some organisations anchored at a height, or last.
func (s *Service) agreedAt(ctx context.Context, height uint64, organisations []string) (Agreement, error) {
	var anchors []readmodel.Anchored
	var err error
	if height == 0 {
		anchors, err = s.cfg.Store.LatestAnchors(ctx, ^uint64(0), window)
	} else {
		anchors, err = s.cfg.Store.AnchorsAt(ctx, height)
	}
	if err != nil {
		return Agreement{}, err
	}
	found := agreements(anchors, organisations)
	if len(found) == 0 {
		if height > 0 {
			return Agreement{}, fmt.Errorf("%w: there is no such root at height %d", ErrNotAnchored, height)
		}
		return Agreement{}, ErrNotAnchored
	}
	if !found[0].Own() {
		return Agreement{}, fmt.Errorf("%w: at height %d %s", ErrDisagrees, found[0].Root.Height, ownWords(found[0].Anchors[0]))
	}
	return found[0], nil
}

// sign gives a root of the store the signatures of those who agree: of as many as are needed, or of all.
func (s *Service) sign(to *proof.SignedRoot, agreed Agreement, need int, all bool) error {
	to.Root.Channel = s.cfg.Channel
	if to.Root != agreed.Root {
		return fmt.Errorf("%w: at height %d", ErrDisagrees, agreed.Root.Height)
	}
	for i, a := range agreed.Anchors {
		if i < need || all {
			to.Signatures = append(to.Signatures, proof.Signature{At: a.Signed.At, Certificate: a.Certificate, Signature: a.Signed.Signature})
		}
	}
	return nil
}

// RootStatus is a height at which roots were anchored.
type RootStatus struct {
	Height  uint64
	Own     *ledger.Root // this node's root there
	Agreed  bool         // by a majority of the organisations
	Anchors []readmodel.Anchored
}

// Roots lists the heights below one at which roots were anchored, the highest first; below may be 0 for
// all.
func (s *Service) Roots(ctx context.Context, below uint64, limit int) ([]RootStatus, error) {
	if below == 0 {
		below = ^uint64(0)
	}
	const perHeight = 4 // heights are mostly anchored by few
	anchors, err := s.cfg.Store.LatestAnchors(ctx, below, max(window, limit*(len(s.cfg.Organisations)+perHeight)))
	var out []RootStatus
	for _, a := range anchors {
		if n := len(out); n == 0 || out[n-1].Height != a.Root.Height {
			if n == limit {
				break
			}
			out = append(out, RootStatus{Height: a.Root.Height, Own: a.Own})
		}
		last := &out[len(out)-1]
		last.Anchors = append(last.Anchors, a)
	}
	for i := range out {
		_, out[i].Agreed = agreement(out[i].Anchors, s.cfg.Organisations)
	}
	return out, err
}
