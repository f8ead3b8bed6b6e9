package contract_test

import (
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// revoke revokes the model that all answers of a court are of.
func (c *court) revoke() {
	c.t.Helper()
	_, artefact, ok := ledger.ArtefactOf(c.wrong.Model)
	if !ok {
		c.t.Fatal(c.wrong.Model)
	}
	if err := c.w.Revoke(artefact); err != nil {
		c.t.Fatal(err)
	}
}

// One organisation can revoke a model, after it has revealed and before the others have: they reveal all the same, so that
// nobody is silent, and nothing becomes final.
func TestRevokingAModelSilencesNobody(t *testing.T) {
	c := newCourt(t)
	c.must("s0", "open", "commit")
	c.must("s1", "commit")
	c.must("s2", "commit", "close", "reveal")
	c.revoke()
	c.must("s0", "reveal")
	c.must("s1", "reveal")
	c.w.Advance(2 * c.w.Policy.RevealFor)
	if answers, err := c.w.Score("s2", c.calls("s2")["expire"]); err != nil || answers[0].Code != ledger.CodeTaskState {
		t.Errorf("expire: %v %v", answers, err)
	}
	c.must("s2", "settle")
	if v := c.view(); v.Phase() != ledger.TaskVoid || v.Settlement.By != ledger.SettledRevoked {
		t.Errorf("settled %+v", v.Settlement)
	}
	for _, who := range []string{"s0", "s1", "s2"} {
		if got := c.bonded(who); got != 10_000 {
			t.Errorf("%s has %d bonded", who, got)
		}
	}
}

// Who lied saves nothing by having the model revoked: the referee rules all the same, and nothing is final.
func TestRevokingAModelSavesNoLiar(t *testing.T) {
	for _, call := range []string{"settle", "challenge"} {
		c := newCourt(t)
		c.must("s0", "open", "commit")
		c.must("s1", "commit")
		c.must("s2", "commit another", "close", "reveal another")
		c.must("s0", "reveal")
		c.must("s1", "reveal")
		c.revoke()
		c.must("s0", call)
		v := c.view()
		if v.Phase() != ledger.TaskVoid || v.Settlement.By != ledger.SettledRevoked || !slices.Equal(v.Settlement.Wrong, []ledger.Digest{c.w.Account("s2")}) {
			t.Errorf("%s: settled %+v", call, v.Settlement)
		}
		if got := []ledger.Credits{c.bonded("s0"), c.bonded("s1"), c.bonded("s2")}; !slices.Equal(got, []ledger.Credits{10_000, 10_000, 8_000}) {
			t.Errorf("%s: bonded %v", call, got)
		}
	}
}

// Under a blend the answers of a model that was revoked count for nothing; where there are no others nothing is final.
func TestABlendCountsNoAnswerOfARevokedModel(t *testing.T) {
	c := newBlendCourt(t)
	c.mustBlend("s0", "open", "commit")
	c.mustBlend("s1", "commit")
	c.mustBlend("s2", "commit", "close", "reveal")
	c.revoke()
	c.mustBlend("s0", "reveal")
	c.mustBlend("s1", "reveal")
	c.mustBlend("s0", "settle")
	v := c.view()
	if v.Phase() != ledger.TaskVoid || v.Settlement.By != ledger.SettledNobody || slices.ContainsFunc([]string{"s0", "s1", "s2"}, func(who string) bool { return c.bonded(who) != 10_000 }) {
		t.Errorf("settled %+v", v.Settlement)
	}
}
