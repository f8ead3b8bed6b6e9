package judging

import (
	"context"
	"errors"
	"fmt"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/api/anchor"
	"github.com/waybill-dev/waybill/api/proof"
)

// FromLog asks an organisation's proof log, under the last root that more than half of the keepers anchored.
func FromLog(log *anchor.Service) panel.Prove {
	return func(ctx context.Context, q panel.Question) (panel.Evidence, error) {
		p, err := log.Prove(ctx, anchor.Request{Keys: q.Keys, Bare: true, Organisations: q.Keepers})
		if errors.Is(err, anchor.ErrNotAnchored) {
			return panel.Evidence{}, fmt.Errorf("%w: %w", panel.ErrNotAnchored, err)
		}
		if err != nil {
			return panel.Evidence{}, err
		}
		return Evidence(p, q.Keys)
	}
}

// Evidence is what scorers take from a proof of inclusion: where the facts stand and, of two, the proof of it.
func Evidence(p proof.Proof, keys []string) (panel.Evidence, error) {
	at := map[string]uint64{}
	for _, proven := range p.Leaves {
		leaf, err := proof.ParseLeaf(proven.Leaf)
		if err != nil {
			return panel.Evidence{}, err
		}
		at[leaf.Key] = proven.Index
	}
	var e panel.Evidence
	for _, key := range keys {
		index, ok := at[key]
		if !ok {
			return panel.Evidence{}, fmt.Errorf("%w: a proof without %q, of which it was asked", proof.ErrMalformed, key)
		}
		e.Places = append(e.Places, index)
	}
	if len(keys) != 2 {
		return e, nil
	}
	bare, err := p.Bare()
	if err == nil {
		e.Proof, err = bare.Encode()
	}
	return e, err
}
