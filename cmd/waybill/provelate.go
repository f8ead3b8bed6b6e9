package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/api/anchor"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/internal/judging"
)

// errNoLog says that no process of the organisation has kept a read model where this one would find it.
var errNoLog = errors.New("WB_NO_PROOF_LOG: the state folder has no read model yet; run one of this organisation with --role readmodel, or give this process its --store")

// lateLog is the proof log that another process of the organisation keeps, which is opened when it is first asked, and only to
// be read: a scorer that is newer than its read model must not migrate it while that runs.
type lateLog struct {
	store readmodel.Config
	log   anchor.Config // but for its store

	mu     sync.Mutex
	opened *readmodel.Store
	prove  panel.Prove
}

// lateLog is that of the state folder, or of the database that was named.
func (s *service) lateLog() *lateLog {
	store := s.serveConfig.store
	store.Logger = s.log.With("part", roleReadModel)
	return &lateLog{store: store, log: anchor.Config{
		Channel: s.profile.Channel, MSPID: s.profile.MSPID, Organisations: anchoring(s.profile), Logger: slog.New(slog.DiscardHandler),
	}}
}

// Prove is a panel.Prove.
func (l *lateLog) Prove(ctx context.Context, q panel.Question) (panel.Evidence, error) {
	prove, err := l.open(ctx)
	if err != nil {
		return panel.Evidence{}, err
	}
	return prove(ctx, q)
}

func (l *lateLog) open(ctx context.Context) (panel.Prove, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.prove != nil {
		// Its process may have been replaced by a newer one, whose log may have other leaves.
		if err := l.opened.Unchanged(ctx); err != nil {
			return nil, err
		}
		return l.prove, nil
	}
	if l.store.Path != "" {
		if _, err := os.Stat(l.store.Path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s", errNoLog, l.store.Path)
		}
	}
	store, err := readmodel.OpenReadOnly(ctx, l.store)
	if err != nil {
		return nil, err
	}
	c := l.log
	c.Store = store
	log, err := anchor.New(c)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	l.opened, l.prove = store, judging.FromLog(log)
	return l.prove, nil
}

// Close gives the store up, if it was opened. No question may be under way.
func (l *lateLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened == nil {
		return nil
	}
	return l.opened.Close()
}
