package panel

import (
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func TestNobodyCommitsToWhatItsModelMayNotAnswer(t *testing.T) {
	c, other := newBlendChannel(t, 2)
	tell := func(m wire.ModelRecords) { c.log = append(c.log, entry{tx: wire.Transaction{Models: m}}) }
	players := c.players(t)
	runs(other, players[3])
	d := players[3]
	says := func(what string) {
		t.Helper()
		d.read(c, len(c.log))
		for _, got := range []string{d.book.snapshot().Standing, d.book.snapshot().Unfit} {
			if what == "" && got != "" || !strings.Contains(got, what) {
				t.Errorf("it stands as %q, want %q", got, what)
			}
		}
	}
	if says(""); d.book.unfit() != nil {
		t.Error("without a model policy any model will do")
	}
	tell(wire.ModelRecords{Policies: []ledger.ModelPolicy{{Version: 1}}, Admissions: []ledger.Admission{{
		Artefact: c.world.Model.Digest(), Model: ledger.ModelRef{ID: c.world.Model.Parameters().ID, Version: 1},
	}}})
	own := ledger.ModelRef{ID: other.Parameters().ID, Version: 1}
	tell(wire.ModelRecords{Statuses: []ledger.ModelStatus{{Artefact: other.Digest(), Model: own, State: ledger.ModelEvaluated}}})
	says("two organisations approved")

	c.bothDue(t, other, c.world.Tasks[:2]...)
	c.play(t, players, 25*time.Minute)
	for _, task := range c.world.Tasks[:2] {
		if _, v := c.blend(t, task); len(v.Reveals) != 3 {
			t.Errorf("%d answers", len(v.Reveals))
		}
	}
	if s := d.book.snapshot(); s.Opened != 0 || s.Committed != 0 || c.lostStake(t, "d") != 0 || s.Open != 0 {
		t.Errorf("%+v", s)
	}
	// It takes part as soon as its model is fit, also after it was killed, and no longer once that is revoked.
	saved, err := d.book.save()
	if err != nil {
		t.Fatal(err)
	}
	at := d.at
	d.restart(saved)
	d.at = at
	says("two organisations approved")
	tell(wire.ModelRecords{Admissions: []ledger.Admission{{Artefact: other.Digest(), Model: own}}})
	says("")
	c.bothDue(t, other, c.world.Tasks[2])
	c.play(t, players, 25*time.Minute)
	if _, v := c.blend(t, c.world.Tasks[2]); len(v.Reveals) != 4 {
		t.Errorf("%d answers", len(v.Reveals))
	}
	tell(wire.ModelRecords{Revocations: []ledger.Revocation{{Artefact: other.Digest(), MSPID: "C", Reason: "recalled"}}})
	says("revoked")
	c.bothDue(t, other, c.world.Tasks[3])
	c.play(t, players, 25*time.Minute)
	if _, v := c.blend(t, c.world.Tasks[3]); len(v.Reveals) != 3 || c.lostStake(t, "d") != 0 {
		t.Errorf("%d answers", len(v.Reveals))
	}
}

func TestWhatWasCommittedIsRevealedAlsoAfterTheModelWasRevoked(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	c.fallsDue(c.world.Tasks[0])
	players := c.players(t)
	id := idOf(t, c.world.Tasks[0].Statement)
	c.until(t, players, func() bool { return len(c.view(t, id).Commitments) == 4 })
	c.log = append(c.log, entry{tx: wire.Transaction{Models: wire.ModelRecords{Revocations: []ledger.Revocation{{Artefact: c.world.Model.Digest()}}}}})
	c.until(t, players, func() bool { return len(c.view(t, id).Reveals) == 4 })
}
