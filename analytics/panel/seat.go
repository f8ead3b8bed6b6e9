package panel

import (
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// seat is the service's place in the scorer's loop.
type seat struct{ s *Service }

// Reset is scorer.Panel's.
func (p seat) Reset(saved []byte) error {
	b := newBook(p.s.cfg, p.s.log)
	if saved != nil {
		if err := b.restore(saved, p.s.cfg.Now()); err != nil {
			return err
		}
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	b.stats = p.s.book.stats
	p.s.book = b
	return nil
}

// Save is scorer.Panel's.
func (p seat) Save() ([]byte, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.s.book.save()
}

// Apply is scorer.Panel's.
func (p seat) Apply(tx scorer.Recorded, due []scorer.Due) []ledger.Verdict {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.s.book.apply(tx.Tx, due, p.s.cfg.Now())
}

// Applied is scorer.Panel's.
func (p seat) Applied(live bool) {
	p.s.mu.Lock()
	if live && !p.s.book.live {
		p.s.book.goLive(p.s.cfg.Now())
	}
	p.s.mu.Unlock()
	p.s.stir()
}
