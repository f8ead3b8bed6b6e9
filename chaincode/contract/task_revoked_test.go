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
	for call, code := range map[string]string{"expire": ledger.CodeTaskState, "settle": ledger.CodeModelBlocked} {
		answers, err := c.w.Score("s2", c.calls("s2")[call])
		if err != nil || answers[0].Code != code {
			t.Errorf("%s: %v %v, want %s", call, answers, err, code)
		}
	}
	for _, who := range []string{"s0", "s1", "s2"} {
		if got := c.bonded(who); got != 10_000 {
			t.Errorf("%s has %d bonded", who, got)
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
