package main

import (
	"context"
	"errors"
	"time"

	"github.com/waybill-dev/waybill/api/readmodel"
)

func (s *service) runStore(ctx context.Context) error {
	if s.has(roleReadModel) {
		if !s.knows(ctx) {
			return nil
		}
		return s.store.Run(ctx, readmodel.FromStream(s.stream, s.profile.Chaincode))
	}
	return s.store.Follow(ctx, followEvery)
}

// runScorer runs a scorer and starts it again, from its checkpoint, when it fails.
func (s *service) runScorer(ctx context.Context, j judge) {
	wait := firstRestart
	for {
		began := time.Now()
		err := j.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended without a reason")
		}
		s.report(roleScorer, err.Error())
		if time.Since(began) > lastRestart {
			wait = firstRestart
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRestart)
	}
}
