package panel

import (
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

func TestFourHonestScorersMakeEveryVerdictFinal(t *testing.T) {
	for name, change := range map[string]func(*ledger.ScoringPolicy){
		"at once":              func(*ledger.ScoringPolicy) {},
		"after the challenges": func(p *ledger.ScoringPolicy) { p.AtOnce = false },
		"every task is drawn":  func(p *ledger.ScoringPolicy) { p.Canary = 1_000_000 },
		"none is drawn":        func(p *ledger.ScoringPolicy) { p.Canary = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			policy := protocolsim.DefaultPolicy()
			change(&policy)
			c := newChannel(t, policy, 4)
			c.fallsDue(c.world.Tasks...)
			players := c.players(t)
			c.play(t, players, 40*time.Minute)
			c.final(t, c.world.Tasks...)
			var opened, committed, revealed uint64
			for _, p := range players {
				s := p.book.snapshot()
				if s.Open != 0 || len(p.alone) != 0 || s.Refused != 0 || s.Lost != 0 || s.Outvoted != 0 || c.lostStake(t, p.name) != 0 {
					t.Errorf("%s: %+v, %d alone", p.name, s, len(p.alone))
				}
				opened, committed, revealed = opened+s.Opened, committed+s.Committed, revealed+s.Revealed
			}
			if n := uint64(len(c.world.Tasks)); opened != n || committed != 4*n || revealed != 4*n {
				t.Errorf("%d opened, %d committed, %d revealed", opened, committed, revealed)
			}
		})
	}
}
