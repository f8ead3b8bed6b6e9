package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/gateway/blocks"
)

// tellHealth turns the parts that work into the health of the API's services.
func (s *service) tellHealth(works map[string]bool) {
	reading := works[roleReadModel] || !s.has(roleReadModel) // another process's is not seen from here
	for service, serving := range map[string]bool{
		"": works[partLedger] && reading,
		waybillv1.CaptureService_ServiceDesc.ServiceName:   works[partLedger],
		waybillv1.TelemetryService_ServiceDesc.ServiceName: works[partLedger],
		waybillv1.PolicyService_ServiceDesc.ServiceName:    works[partLedger],
		waybillv1.VerdictService_ServiceDesc.ServiceName:   reading,

		waybillv1.FindingService_ServiceDesc.ServiceName:    reading,
		waybillv1.MasterDataService_ServiceDesc.ServiceName: works[partLedger],
		waybillv1.CreditService_ServiceDesc.ServiceName:     works[partLedger],
		waybillv1.ModelService_ServiceDesc.ServiceName:      works[partLedger],
		waybillv1.AdminService_ServiceDesc.ServiceName:      true,
	} {
		s.api.SetServing(service, serving)
	}
	for part, serving := range works {
		s.api.SetServing("waybill."+part, serving)
	}
}

// tellNewState says, once the read model has what was on the ledger, that the service state is new though
// events are recorded: a server that was moved to another store does not find there what clients entrusted
// to it.
func tellNewState(ctx context.Context, height func(context.Context) (uint64, error), store *readmodel.Store, log *slog.Logger) {
	blocks, err := height(ctx)
	if err != nil || blocks == 0 || store.WaitFor(ctx, blocks-1) != nil {
		return // there are others to say so
	}
	if totals, _, err := store.Totals(ctx); err == nil && totals.Events > 0 {
		log.WarnContext(ctx, "WB_SERVICE_STATE_NEW: this store has no named queries, subscriptions or capture jobs yet, though the ledger has events; if another store served before, they are in that one",
			"events", totals.Events)
	}
}

// report sets a part's health and logs what is news.
func (s *service) report(part, trouble string) {
	if !s.health.set(part, trouble) {
		return
	}
	if trouble == "" {
		s.log.Info("works", "part", part)
		return
	}
	s.log.Warn("does not work", "part", part, "why", trouble)
}

// watchLedger asks for the ledger's height now and then: whether a peer answers, and how far the
// parts that follow the ledger are behind. It ends with an error if the ledger is not the one that
// the state folder was made on; until that is known, no part is said to work that follows it.
func (s *service) watchLedger(ctx context.Context) error {
	tick := time.NewTicker(heightEvery)
	defer tick.Stop()
	known := false
	for {
		limited, cancel := context.WithTimeout(ctx, heightTimeout)
		height, err := s.stream.Height(limited)
		if err == nil && !known {
			if err = claimLedger(limited, s.dir, s.stream); err == nil {
				known = true
				close(s.known)
			}
		}
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, readmodel.ErrForeign), errors.Is(err, errStateFolder), errors.Is(err, blocks.ErrTrust):
			return err
		case err != nil:
			s.report(partLedger, "no peer answers: "+err.Error())
		default:
			s.report(partLedger, "")
			s.reportLag(height)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.hurry(tick.C):
		}
	}
}

// knows waits until the ledger is known to be the right one, and reports whether it is.
func (s *service) knows(ctx context.Context) bool {
	select {
	case <-s.known:
		return true
	case <-ctx.Done():
		return false
	}
}

// hurry gives the next moment to look at the ledger: soon, as long as the server was never ready.
func (s *service) hurry(usual <-chan time.Time) <-chan time.Time {
	select {
	case <-s.health.ready:
		return usual
	default:
		return time.After(firstRestart)
	}
}

func (s *service) reportLag(height uint64) {
	lag := func(part string, at uint64) {
		trouble := ""
		if at+lagAllowed < height {
			trouble = fmt.Sprintf("it has read %d of %d blocks", at, height)
		}
		s.report(part, trouble)
	}
	if s.store != nil && s.has(roleReadModel) {
		at, _ := s.store.Changed()
		lag(roleReadModel, at)
	}
	if s.scorers == nil {
		return
	}
	if trouble := s.scorers.trouble(); trouble != "" {
		s.report(roleScorer, trouble)
		return
	}
	st := s.scorers.stats()
	if st.Unfit != "" {
		s.report(roleScorer, st.Unfit)
		return
	}
	lag(roleScorer, st.Scorer.Position)
}
